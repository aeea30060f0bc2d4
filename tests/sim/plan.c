/*
 * sim/plan.c - see plan.h.
 */
#include "plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_MS INT64_C(3600000)
#define DAY_MS  (24 * HOUR_MS)

static const char *const words[] = {
#define PLAN_WORD(name, word, sentence) word,
    PLAN_TABLE(PLAN_WORD)
#undef PLAN_WORD
};

const char *plan_word(plan_what what) {
    return words[what];
}

/* ---- drawing -------------------------------------------------------------------------------------------- */

/* How often something happens, in a day of a device, or of headquarters; in hundredths. */
typedef struct rate {
    plan_what what;
    unsigned most;      /* of a busy day */
    unsigned per_mille; /* of the stories know it at all */
} rate;

static const rate device_rates[] = {
    {PLAN_WRITE, 1400, 1000}, {PLAN_UNDO, 60, 500},    {PLAN_SETTLE, 200, 500},
    {PLAN_SYNC, 700, 1000},   {PLAN_TIDY, 60, 300},    {PLAN_KILL, 100, 400},
    {PLAN_POWER, 250, 500},   {PLAN_FULL, 60, 150},    {PLAN_CLOCK, 100, 500},
    {PLAN_IMAGE, 60, 150},    {PLAN_RESTORE, 40, 150}, {PLAN_CLONE, 30, 100},
    {PLAN_HANDOVER, 30, 100}, {PLAN_REVOKE, 25, 80},   {PLAN_REPLAY, 100, 300}};

static const rate office_rates[] = {
    {PLAN_EDIT, 900, 900}, {PLAN_ASSIGN, 500, 800}, {PLAN_REASSIGN, 80, 300},
    {PLAN_MOVE, 100, 300}, {PLAN_MERGE, 60, 200},   {PLAN_DECIDE, 300, 400},
    {PLAN_KILL, 80, 300},  {PLAN_POWER, 150, 300},  {PLAN_FULL, 50, 100},
    {PLAN_CLOCK, 60, 200}, {PLAN_IMAGE, 100, 250},  {PLAN_RESTORE, 50, 200},
    {PLAN_PURGE, 30, 100}};

/* A power cut needs something that reaches the disk. */
static const rate device_storm[] = {{PLAN_WRITE, 14000, 1000}, {PLAN_SYNC, 3500, 1000},
                                    {PLAN_POWER, 24000, 1000}, {PLAN_TIDY, 300, 500},
                                    {PLAN_KILL, 300, 500},     {PLAN_IMAGE, 60, 100},
                                    {PLAN_RESTORE, 40, 100},   {PLAN_HANDOVER, 100, 200}};

static const rate office_storm[] = {{PLAN_EDIT, 2000, 900},   {PLAN_ASSIGN, 1500, 800},
                                    {PLAN_REASSIGN, 80, 300}, {PLAN_MERGE, 60, 200},
                                    {PLAN_POWER, 4000, 1000}, {PLAN_IMAGE, 100, 300}};

void plan_add(plan *self, plan_event event) {
    if (self->count < PLAN_EVENTS_MAX) {
        self->events[self->count++] = event;
    }
}

static void draw_rates(plan *self, sim_dice *work, sim_dice *faults, const rate *rates,
                       size_t count, unsigned who, unsigned faulty) {
    for (size_t i = 0; i < count; i++) {
        int known = sim_chance(work, rates[i].per_mille);
        uint64_t most = (uint64_t)rates[i].most * self->days;
        uint64_t times = (sim_below(work, most + 1) + sim_below(work, 100)) / 100;
        for (uint64_t n = 0; n < times; n++) {
            plan_event event = {.at_ms = (int64_t)sim_below(work, (uint64_t)(self->days * DAY_MS)),
                                .what = rates[i].what,
                                .who = who,
                                .work = sim_draw(work) | 1};
            uint64_t wrong = sim_draw(faults) | 1;
            event.faults = sim_chance(faults, faulty) ? wrong : 0;
            if (known) {
                plan_add(self, event);
            }
        }
    }
}

/* Much happens at once: a rep goes on writing while his device syncs, operators and other devices come in between. */
static void draw_meanwhile(plan *self, sim_dice *work) {
    static const plan_what whats[] = {PLAN_WRITE, PLAN_WRITE, PLAN_WRITE, PLAN_WRITE,
                                      PLAN_UNDO,  PLAN_SYNC,  PLAN_EDIT,  PLAN_ASSIGN};
    size_t count = self->count;
    for (size_t i = 0; i < count; i++) {
        plan_event event = self->events[i];
        uint64_t more =
            event.what == PLAN_SYNC && sim_chance(work, 400) ? 1 + sim_below(work, 4) : 0;
        for (uint64_t n = 0; n < more; n++) {
            plan_event other = {.at_ms = event.at_ms + (int64_t)sim_below(work, 1500),
                                .what = whats[sim_below(work, 8)],
                                .who = event.who,
                                .work = sim_draw(work) | 1};
            if (other.what == PLAN_SYNC) {
                other.who = (unsigned)sim_below(work, self->devices);
            } else if (other.what == PLAN_EDIT || other.what == PLAN_ASSIGN) {
                other.who = PLAN_HQ;
            }
            plan_add(self, other);
        }
    }
}

/* One takes part, and now and then once more while his device syncs. */
static void draw_contestant(plan *self, sim_dice *dice, unsigned who, int64_t at_ms,
                            uint64_t what) {
    int last = sim_chance(dice, 300) ? 2 : 0;
    for (int i = 0; i <= last; i++) {
        int64_t later = i == 0 ? 0 : i == 1 ? 1000 : 1000 + (int64_t)sim_below(dice, 1000);
        plan_add(self, (plan_event){.at_ms = at_ms + later,
                                    .what = i == 1 ? PLAN_SYNC : PLAN_CONTEST,
                                    .who = who,
                                    .work = (sim_draw(dice) & ~UINT64_C(0xff)) | what | 1});
    }
}

/* Several reps come to the same, mostly before they hear of each other. */
static void draw_contests(plan *self, uint64_t seed) {
    sim_dice dice = sim_stream(seed, 16);
    self->strict = sim_chance(&dice, 200) ? 1 : 0;
    unsigned moments = sim_chance(&dice, 600) ? 2 + (unsigned)sim_below(&dice, 4) : 0;
    for (unsigned n = 0; n < moments; n++) {
        int64_t at_ms = (int64_t)sim_below(&dice, (uint64_t)(self->days * DAY_MS));
        uint64_t what = sim_draw(&dice) & 0xff;
        for (unsigned i = 0; i < self->devices; i++) {
            uint64_t times = sim_below(&dice, 4);
            for (uint64_t t = 0; t < times; t++) {
                draw_contestant(self, &dice, i, at_ms + (int64_t)sim_below(&dice, HOUR_MS / 2),
                                what);
            }
        }
    }
}

/* Several reps put people on a visit, take them off and sign it; some sync in between. */
static void draw_people(plan *self, uint64_t seed) {
    sim_dice dice = sim_stream(seed, 20);
    uint64_t moments = sim_chance(&dice, 500) ? 1 + sim_below(&dice, 4) : 0;
    for (uint64_t n = 0; n < moments; n++) {
        int64_t at_ms = (int64_t)sim_below(&dice, (uint64_t)(self->days * DAY_MS));
        uint64_t what = sim_draw(&dice) & 0xff; /* which visit */
        uint64_t times = self->devices * (1 + sim_below(&dice, 4));
        for (uint64_t t = 0; t < times; t++) {
            plan_event event = {.at_ms = at_ms + (int64_t)sim_below(&dice, HOUR_MS),
                                .what = sim_chance(&dice, 250) ? PLAN_SYNC : PLAN_PEOPLE,
                                .who = (unsigned)sim_below(&dice, self->devices),
                                .work = (sim_draw(&dice) & ~UINT64_C(0xff)) | what | 1};
            plan_add(self, event);
        }
    }
}

static int by_time(const void *a, const void *b) {
    const plan_event *x = a;
    const plan_event *y = b;
    if (x->at_ms != y->at_ms) {
        return x->at_ms < y->at_ms ? -1 : 1;
    }
    return x->work < y->work ? -1 : x->work > y->work;
}

/* All of one story in eight, and one device in eight of the others. */
static void draw_encryption(plan *self, uint64_t seed) {
    sim_dice dice = sim_stream(seed, 17);
    int all = sim_chance(&dice, 125);
    for (unsigned i = 0; i < self->devices; i++) {
        self->encrypted |= all || sim_chance(&dice, 125) ? 1u << i : 0;
    }
}

/* In one story of six. */
static void draw_lease(plan *self, uint64_t seed) {
    static const unsigned hours[] = {3, 12, 48};
    sim_dice dice = sim_stream(seed, 18);
    self->lease = sim_chance(&dice, 170) ? hours[sim_below(&dice, 3)] : 0;
}

/* In one story of six, each device once at most: at the end of its life, or for another beginning. */
static void draw_wipes(plan *self, uint64_t seed) {
    sim_dice dice = sim_stream(seed, 19);
    int wipes = sim_chance(&dice, 170);
    for (unsigned i = 0; i < self->devices && wipes; i++) {
        plan_event event = {.at_ms = (int64_t)sim_below(&dice, (uint64_t)(self->days * DAY_MS)),
                            .what = PLAN_WIPE,
                            .who = i,
                            .work = sim_draw(&dice) | 1};
        event.faults = sim_chance(&dice, 500) ? sim_draw(&dice) | 1 : 0;
        plan_add(self, event);
    }
}

/* What kind of world it is. */
static void draw_world(plan *self, uint64_t seed) {
    sim_dice dice = sim_stream(seed, 15);
    draw_encryption(self, seed);
    draw_lease(self, seed);
    draw_wipes(self, seed);
    if (sim_chance(&dice, 300)) {
        self->page_rows = 1 + (unsigned)sim_below(&dice, sim_chance(&dice, 500) ? 4 : 30);
    }
    for (unsigned i = 0; i < self->devices; i++) {
        self->older |= sim_chance(&dice, 60) ? 1u << i : 0;
    }
    self->copy = (unsigned)sim_chance(&dice, 120);
    uint64_t last = sim_below(&dice, 1000);
    self->epilogue = last < 40 ? 1 : last < 80 ? 2 : last < 110 ? 3 : last < 114 ? 4 : 0;
    if (last >= 114 && last < 128) {
        self->epilogue = 5;
    } else if (last >= 196 && last < 200) {
        self->epilogue = 6;
    } else if (last >= 154 && last < 165) {
        self->epilogue = 7;
    }
    if (last >= 200 && last < 300) {
        self->epilogue = PLAN_CROWD + (unsigned)sim_below(&dice, 1000000);
    }
}

#define DRAWN(rates) rates, sizeof(rates) / sizeof *(rates)

void plan_draw(plan *self, uint64_t seed, plan_kind kind) {
    sim_dice work = sim_stream(seed, 11);
    sim_dice faults = sim_stream(seed, 12);
    static const unsigned small_devices[] = {1, 2, 2, 2, 3, 3, 3, 3, 4, 4};
    *self = (plan){.seed = seed, .notes = 1};
    int big = kind == PLAN_LONG;
    self->devices = big ? 4 + (unsigned)sim_below(&work, PLAN_DEVICES_MAX - 3)
                        : small_devices[sim_below(&work, 10)];
    self->users = 1 + (unsigned)sim_below(&work, PLAN_USERS_MAX);
    self->days = 1 + (unsigned)sim_below(&work, big ? 20 : 3);
    self->events = calloc(PLAN_EVENTS_MAX, sizeof *self->events);
    if (self->events == NULL) {
        abort();
    }
    static const unsigned moods[] = {0, 100, 300, 600};
    unsigned faulty = moods[sim_below(&faults, 4)];
    if (kind == PLAN_STORM) {
        self->devices = 1 + (unsigned)sim_below(&work, 2);
        for (unsigned i = 0; i < self->devices; i++) {
            draw_rates(self, &work, &faults, DRAWN(device_storm), i, faulty);
        }
        draw_rates(self, &work, &faults, DRAWN(office_storm), PLAN_HQ, faulty);
    } else {
        for (unsigned i = 0; i < self->devices; i++) {
            draw_rates(self, &work, &faults, DRAWN(device_rates), i, faulty);
        }
        draw_rates(self, &work, &faults, DRAWN(office_rates), PLAN_HQ, faulty);
        draw_meanwhile(self, &work);
        plan_add_dramas(self, seed);
        draw_contests(self, seed);
        draw_people(self, seed);
    }
    draw_world(self, seed);
    qsort(self->events, self->count, sizeof *self->events, by_time);
}

void plan_free(plan *self) {
    free(self->events);
    *self = (plan){.seed = 0};
}

/* ---- traces --------------------------------------------------------------------------------------------- */

void plan_write(const plan *self, FILE *file) {
    fprintf(file, "sim %d\nworld %u %u %u %u %u %u %u %u %u %u %u\n", PLAN_VERSION, self->devices,
            self->users, self->days, self->page_rows, self->older, self->copy, self->epilogue,
            self->strict, self->encrypted, self->lease, self->notes);
    for (size_t i = 0; i < self->count; i++) {
        const plan_event *e = &self->events[i];
        char who[16] = "hq";
        if (e->who != PLAN_HQ) {
            snprintf(who, sizeof who, "%u", e->who);
        }
        fprintf(file, "%" PRId64 " %s %s %" PRIx64 " %" PRIx64 "\n", e->at_ms, plan_word(e->what),
                who, e->work, e->faults);
    }
}

static int read_event(plan *self, const char *line) {
    char word[32];
    char who[16];
    plan_event e = {.what = PLAN_WHATS};
    if (sscanf(line, "%" SCNd64 " %31s %15s %" SCNx64 " %" SCNx64, &e.at_ms, word, who, &e.work,
               &e.faults) != 5) {
        return 0;
    }
    for (int what = 0; what < PLAN_WHATS; what++) {
        if (strcmp(words[what], word) == 0) {
            e.what = (plan_what)what;
        }
    }
    e.who = strcmp(who, "hq") == 0 ? PLAN_HQ : (unsigned)strtoul(who, NULL, 10);
    if (e.what == PLAN_WHATS || (e.who != PLAN_HQ && e.who >= self->devices)) {
        return 0;
    }
    plan_add(self, e);
    return 1;
}

int plan_read(plan *self, const char *path) {
    char line[256];
    int version = 0;
    FILE *file = fopen(path, "r");
    *self = (plan){.events = calloc(PLAN_EVENTS_MAX, sizeof *self->events)};
    if (file == NULL || self->events == NULL) {
        fprintf(stderr, "rove-sim: %s cannot be read.\n", path);
        return 0;
    }
    int good = fgets(line, sizeof line, file) != NULL && sscanf(line, "sim %d", &version) == 1 &&
               version == PLAN_VERSION && fgets(line, sizeof line, file) != NULL &&
               sscanf(line, "world %u %u %u %u %u %u %u %u %u %u %u", &self->devices, &self->users,
                      &self->days, &self->page_rows, &self->older, &self->copy, &self->epilogue,
                      &self->strict, &self->encrypted, &self->lease, &self->notes) >= 3 &&
               self->devices <= PLAN_DEVICES_MAX && self->users <= PLAN_USERS_MAX &&
               self->devices > 0 && self->users > 0;
    while (good && fgets(line, sizeof line, file) != NULL) {
        good = line[0] == '#' || read_event(self, line);
        if (!good) {
            fprintf(stderr, "rove-sim: %s: no event: %s", path, line);
        }
    }
    fclose(file);
    return good;
}
