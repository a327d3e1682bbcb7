# SPDX-License-Identifier: Apache-2.0
"""This package measures what the project claims; `scripts/bench` lists the measurements.

Numbers are never part of a test. Each is a ratio to something measured in the same run where
such a thing exists, a median of several where the machine is noisy, and says what was counted.
"""
