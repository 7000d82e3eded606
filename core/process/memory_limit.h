/* SPDX-License-Identifier: Apache-2.0 */
/* process/memory_limit.h - how much memory the process may have, and has. */
#pragma once

#include <stdint.h>

/* The smallest limit of the control groups that the process is in, in bytes; 0: none. `self` is
 * "/proc/self/cgroup", `mount` "/sys/fs/cgroup", but for tests. Version 2, and the memory controller
 * of version 1. */
uint64_t memory_limit_of_cgroup(const char *self, const char *mount);
/* The machine's, in bytes; 0: the system does not say. */
uint64_t memory_of_machine(void);
/* Resident bytes by an open /proc/self/statm; 0: it cannot be read. */
uint64_t memory_resident(int statm_fd);
