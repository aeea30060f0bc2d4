/*
 * control.h - commands for a headquarters that is being served: through the socket `control` of its folder they run in
 * the process that has the database.
 *
 *   request  = size:4 version:1 flags:1 operator directory argc:varint argument*    flags: 1 JSON, 2 terminal
 *   answer   = frame* ; frame = kind:1 size:4 bytes    kind: 'o' out, 'e' err, 'x' the exit code as one byte, the last
 *
 * Sizes are big-endian; operator, directory and arguments are a varint size and bytes. The folder lets only its
 * owner in, so who can connect may do everything; the operator's name is for the record.
 *
 * Each connection has a thread, CONTROL_COMMANDS_MAX at a time; others wait. A caller that goes away does not end
 * its command.
 */
#ifndef ROVE_HQ_CONTROL_H
#define ROVE_HQ_CONTROL_H

#include "hq.h"

#define CONTROL_REQUEST_MAX   ((size_t)1024 * 1024)
#define CONTROL_ARGUMENTS_MAX 4096
#define CONTROL_COMMANDS_MAX  8

typedef struct control control;

/* Listens; `headquarters` is borrowed until control_stop. */
ROVE_CHECK rove_status control_start(hq *headquarters, control **out, rove_error *error);
/* Takes no further command, waits for those that run. NULL is fine. */
void control_stop(control *self);

/*
 * Runs a command in the process that serves the folder, and prints what it prints. NOT_FOUND: nobody serves it.
 * On ROVE_OK *exit_code is the command's. TRUNCATED: that process ended meanwhile.
 */
ROVE_CHECK rove_status control_call(const rove_allocator *allocator, const char *folder,
                                    const hq_io *io, int argc, char **argv, int *exit_code,
                                    rove_error *error);

#endif
