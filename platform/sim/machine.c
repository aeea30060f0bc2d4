/*
 * sim/machine.c - see machine.h.
 */
#include "sim/machine.h"

#include <stdlib.h>
#include <string.h>

void sim_machine_open(sim_machine *self, int number, uint64_t seed, const int64_t *now_ms,
                      const rove_crypto *real) {
    memset(self, 0, sizeof *self);
    self->now_ms = now_ms;
    self->core = sim_stream(seed, 1);
    self->crypto = (sim_crypto){real, &self->core};
    self->booted_ms = self->drift_from_ms = *now_ms;
    self->boots = 1;
    sim_disk_open(&self->disk, number, sim_stream(seed, 2).state);
}

void sim_machine_close(sim_machine *self) {
    sim_disk_close(&self->disk);
}

void sim_machine_boot(sim_machine *self) {
    self->booted_ms = *self->now_ms;
    self->boots++;
    sim_disk_unlock_all(&self->disk);
    sim_disk_power_on(&self->disk);
}

int64_t sim_machine_wall_ms(const sim_machine *self) {
    int64_t passed = *self->now_ms - self->drift_from_ms;
    return *self->now_ms + self->offset_ms + passed * self->drift_ppm / 1000000;
}

static void *resize(void *ctx, void *pointer, size_t size) {
    sim_machine *self = ctx;
    if (size == 0) {
        self->alive -= pointer != NULL;
        free(pointer);
        return NULL;
    }
    if (self->fail_in > 0 && --self->fail_in == 0) {
        return NULL;
    }
    self->alive += pointer == NULL;
    void *moved = realloc(pointer, size);
    if (moved == NULL) {
        abort();
    }
    return moved;
}

rove_allocator sim_machine_allocator(sim_machine *self) {
    return (rove_allocator){resize, self};
}

static void read_clock(void *ctx, rove_clock_reading *reading) {
    sim_machine *self = ctx;
    reading->wall_ms = sim_machine_wall_ms(self);
    reading->boot_ms = *self->now_ms - self->booted_ms + 1000;
    memset(reading->boot_id, 0, sizeof reading->boot_id);
    memcpy(reading->boot_id, &self->boots, sizeof self->boots);
    reading->boot_id[15] = (uint8_t)self->disk.number;
}

rove_clock sim_machine_clock(sim_machine *self) {
    return (rove_clock){read_clock, self};
}

static rove_status fill(void *ctx, void *bytes, size_t size) {
    sim_machine *self = ctx;
    uint8_t *out = bytes;
    while (size > 0) {
        uint64_t word = sim_draw(&self->core);
        size_t part = size < sizeof word ? size : sizeof word;
        memcpy(out, &word, part);
        out += part;
        size -= part;
    }
    return ROVE_OK;
}

rove_random sim_machine_random(sim_machine *self) {
    return (rove_random){fill, self};
}

static void write_log(void *ctx, rove_log_level level, const char *module, const char *text) {
    sim_machine *self = ctx;
    if (self->log != NULL) {
        self->log(self, level, module, text);
    }
}

rove_log sim_machine_log(sim_machine *self, rove_log_level most) {
    return (rove_log){write_log, self, most};
}
