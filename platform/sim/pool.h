/*
 * sim/pool.h - memory for SQLite in a process that simulates: one thread, and the same sizes over and over.
 */
#ifndef ROVE_SIM_POOL_H
#define ROVE_SIM_POOL_H

/* Before anything else of SQLite; what it frees is kept for it. */
void sim_pool_install(void);

#endif
