/* SPDX-License-Identifier: MIT */
/* The objects behind the annotations; only their addresses matter. */
#include "gthreadd/base/annot.h"

struct gt_gil_cap gt_gil;
struct gt_role_cap gt_loop_role;
struct gt_role_cap gt_pool_role;
struct gt_role_cap gt_monitor_role;
struct gt_role_cap gt_master_role;
