/*
 * admin/trail_command.h - rove-hq acts verify.
 */
#ifndef ROVE_HQ_TRAIL_COMMAND_H
#define ROVE_HQ_TRAIL_COMMAND_H

#include "hq.h"

/* `noted`: "NUMBER:HASH" that an earlier one gave; NULL: none. FAILED: the record is not sound, or not the one that was noted. */
int acts_verify(hq *headquarters, const hq_io *io, const char *noted);

#endif
