/*
 * sim/machine.h - a simulated machine: a disk, clocks that may be wrong, randomness from a stream of its own, and memory. What
 * it is given as ports dies with it: once its power is off, nothing that runs on it reaches the disk any more.
 *
 * The wall clock is the world's time, plus an offset that can jump, plus a drift; the boot clock begins at each boot.
 */
#ifndef ROVE_SIM_MACHINE_H
#define ROVE_SIM_MACHINE_H

#include "rove/sys/alloc.h"
#include "rove/sys/clock.h"
#include "rove/sys/log.h"
#include "rove/sys/random.h"
#include "sim/crypto.h"
#include "sim/disk.h"

typedef struct sim_machine {
    const int64_t *now_ms; /* of the world */
    sim_disk disk;
    sim_dice core; /* what its programs draw */
    sim_crypto crypto;
    int64_t offset_ms; /* the wall clock's error */
    int64_t drift_ppm;
    int64_t drift_from_ms;
    int64_t booted_ms;
    uint64_t boots;
    size_t alive;     /* allocations */
    uint64_t fail_in; /* the so many-th allocation fails, that one alone; 0: none */
    void (*log)(const struct sim_machine *machine, rove_log_level level, const char *module,
                const char *text); /* NULL: nobody reads */
} sim_machine;

/* `now_ms` is the world's and borrowed; `real`: sim/crypto.h. */
void sim_machine_open(sim_machine *machine, int number, uint64_t seed, const int64_t *now_ms,
                      const rove_crypto *real);
void sim_machine_close(sim_machine *machine);
/* Another boot: the boot clock begins anew. Works whether the power was cut or not. */
void sim_machine_boot(sim_machine *machine);
int64_t sim_machine_wall_ms(const sim_machine *machine);

rove_allocator sim_machine_allocator(sim_machine *machine);
rove_clock sim_machine_clock(sim_machine *machine);
rove_random sim_machine_random(sim_machine *machine);
rove_log sim_machine_log(sim_machine *machine, rove_log_level most);

#endif
