/*
 * http/serve.h - the command `serve`: HTTPS and the control socket until a signal says stop.
 */
#ifndef ROVE_HQ_SERVE_H
#define ROVE_HQ_SERVE_H

#include "hq.h"

/*
 * `rove-hq serve`. Not one of hq_commands, for it never travels through the control socket. SIGINT and SIGTERM have to
 * be blocked in all threads: it waits for them itself.
 */
extern const hq_command hq_command_serve;

#endif
