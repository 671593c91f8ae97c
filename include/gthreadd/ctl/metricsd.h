/* SPDX-License-Identifier: MIT */
/*
 * The process that serves /metrics and /healthz on the network, so that the
 * master, which may be root, parses nothing of it. It has no more than its
 * sockets and a channel to the master, whom it asks.
 */
#ifndef GTHREADD_CTL_METRICSD_H
#define GTHREADD_CTL_METRICSD_H

#include "gthreadd/net/listener.h"

/*
 * Serve ls until the other end of channel_fd closes; both are given. Returns
 * the exit code of the process.
 */
int gt_metricsd_run(const struct gt_listeners *ls, int channel_fd);

#endif
