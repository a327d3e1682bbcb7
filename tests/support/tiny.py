# SPDX-License-Identifier: Apache-2.0
"""A target of one C function `work()`, which main calls once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drainstorm.spec import TargetSpec, load_target

if TYPE_CHECKING:
    from pathlib import Path

_DESCRIPTION = """
name = "tiny"
sources = ["work.c"]
driver = "driver.c"
not_simulated = [{not_simulated}]
[[actor]]
kind = "main"
count = 1
[[operation]]
name = "work"
actors = ["main"]
"""

DRIVER = """
#include "driver.h"
void work(void);
void ds_driver_main(void)
{
  ds_operation op;
  while (ds_next(0, &op)) {
    work();
  }
}
int ds_driver_idle(void)
{
  return DS_IDLE_STUCK;
}
"""

SIDE_BY_SIDE = """
#include <pthread.h>
#include <stddef.h>
static void side_by_side(void *(*one)(void *), void *(*other)(void *), void *argument)
{
  pthread_t first, second;
  pthread_create(&first, NULL, one, argument);
  pthread_create(&second, NULL, other, argument);
  pthread_join(first, NULL);
  pthread_join(second, NULL);
}
"""
"""To stand before a source whose work is that of two threads."""


def tiny_target(
    folder: Path, source: str, *, driver: str = DRIVER, not_simulated: tuple[str, ...] = ()
) -> TargetSpec:
    """Write the target into a folder that exists.

    Args:
        source: What stands in work.c, which must define `void work(void)` for the usual driver.
        driver: What stands in driver.c.
        not_simulated: The key of this name in target.toml.
    """
    quoted = ", ".join(f'"{name}"' for name in not_simulated)
    (folder / "target.toml").write_text(_DESCRIPTION.format(not_simulated=quoted))
    (folder / "driver.c").write_text(driver)
    (folder / "work.c").write_text(source)
    return load_target(folder / "target.toml")
