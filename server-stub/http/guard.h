/*
 * http/guard.h - time limits of connections, which libmicrohttpd's own idle time-out does not give: a client that sends
 * or takes a byte now and then is not idle, but holds a connection for ever.
 *
 * A connection is in one phase. In GUARD_WAITING the next request's whole head has to come within idle_ms. In
 * GUARD_RECEIVING and GUARD_ANSWERING idle_ms plus GUARD_RATE bytes a second have to be kept up with. In
 * GUARD_WORKING headquarters itself is slow, and there is no limit. What is late is shut down.
 *
 * Threads: any. A connection is entered before its first request and left before its socket is closed, so the
 * guard never touches a socket that is somebody else's by now.
 */
#ifndef ROVE_HQ_GUARD_H
#define ROVE_HQ_GUARD_H

#include "hq.h"

#define GUARD_RATE 256 /* bytes a second */

typedef enum guard_phase {
    GUARD_WAITING,
    GUARD_RECEIVING,
    GUARD_WORKING,
    GUARD_ANSWERING
} guard_phase;

typedef struct guard guard;
typedef struct guarded guarded;

ROVE_CHECK rove_status guard_new(const rove_allocator *allocator, const rove_clock *clock,
                                 int64_t idle_ms, guard **out, rove_error *error);
/* Every connection must have left. NULL is fine. */
void guard_free(guard *self);

/* NULL without memory. */
guarded *guard_enter(guard *self, int socket);
void guard_leave(guard *self, guarded *connection);
/* Begins a phase; `connection` may be NULL. */
void guard_set(guard *self, guarded *connection, guard_phase phase);
/* Bytes moved in the phase. */
void guard_moved(guard *self, guarded *connection, size_t bytes);
size_t guard_count(guard *self);

#endif
