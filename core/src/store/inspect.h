/*
 * store/inspect.h - a look at the database file of a replica that changes nothing and needs no open store.
 */
#ifndef ROVE_STORE_INSPECT_H
#define ROVE_STORE_INSPECT_H

#include "rove/inspect.h"
#include "store/store.h"

/*
 * Fills in of *out what comes from the database, and *anchor (zeros: there is none). `how` as for rove_inspect; of the ports
 * clock and log are not used. NOMEM. Any thread.
 */
ROVE_CHECK rove_status rove__store_inspect(const rove__store_ports *ports, const char *folder,
                                           unsigned how, rove_inspection *out,
                                           rove__anchor *anchor);
/* SQLite, as compiled with and as running; constant texts. */
const char *rove__store_sqlite_built(void);
const char *rove__store_sqlite_running(void);

#endif
