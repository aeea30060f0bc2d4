/*
 * sync/wait.h - how a device waits for news at headquarters, as both ends know it.
 *
 *   GET /v1/wait?cursor=TIMELINE.SEQ    both in decimal
 *   answer = news:byte                  ROVE_WAIT_CHANGED: there is something after the cursor that the device may hold;
 *                                       ROVE_WAIT_NOTHING: not within the time that headquarters lets a device wait
 */
#ifndef ROVE_SYNC_WAIT_H
#define ROVE_SYNC_WAIT_H

#include "wire/message.h"

#define ROVE_WAIT_PATH         "/v1/wait"
#define ROVE_WAIT_CONTENT_TYPE "application/vnd.rove.wait"
#define ROVE_WAIT_MS_MAX       INT64_C(300000) /* by then headquarters has answered */
#define ROVE_WAIT_TEXT_SIZE    44              /* of a cursor, with its NUL */

#define ROVE_WAIT_NOTHING 0u
#define ROVE_WAIT_CHANGED 1u

void rove__wait_write(rove__cursor cursor, char text[ROVE_WAIT_TEXT_SIZE]);
/* PROTOCOL: no cursor. `text` may be NULL. */
ROVE_CHECK rove_status rove__wait_read(const char *text, rove__cursor *cursor);

#endif
