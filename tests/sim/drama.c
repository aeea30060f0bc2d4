/*
 * sim/drama.c - what takes several things in one order, which chance alone rarely brings: a backup, work that it lacks, a
 * restore, and nobody who writes any more. The events are the plan's ordinary ones, so that a shorter story has fewer of them.
 */
#include "plan.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MS    (INT64_C(24) * 60 * MINUTE_MS)
#define STEPS_MAX 16
#define A_DAY     PLAN_WHATS       /* passes; no event */
#define SOON      (PLAN_WHATS + 1) /* no event; the next one comes while the last one goes on */
#define QUICK     (PLAN_WHATS + 2) /* no event; hardly anybody comes between those that follow */
#define CUT       (PLAN_WHATS + 3) /* a sync with a fault */
#define SAME      (PLAN_WHATS + 4) /* a contest: the same text of the same account */
#define SOON_MS   200              /* while the sync before is under way */

/* One device has part in a drama, and now and then another one. */
typedef enum part { FIRST, SECOND, OFFICE } part;

typedef struct scene {
    plan_what what;
    part who;
    unsigned times; /* 0: once */
} scene;

typedef struct drama {
    const char *name; /* for who reads this */
    scene scenes[STEPS_MAX];
    size_t count;
} drama;

/* clang-format off */
static const drama dramas[] = {
    {"work that was confirmed is lost, and its device has nothing new to say",
     {{PLAN_IMAGE, OFFICE, 0}, {PLAN_WRITE, FIRST, 2}, {PLAN_SYNC, FIRST, 2}, {PLAN_RESTORE, OFFICE, 0},
      {PLAN_SYNC, FIRST, 0}}, 5},
    {"a backup of the new timeline says nothing of what the old one had",
     {{PLAN_IMAGE, OFFICE, 0}, {PLAN_WRITE, FIRST, 2}, {PLAN_SYNC, FIRST, 0}, {PLAN_RESTORE, OFFICE, 0},
      {PLAN_EDIT, OFFICE, 12}, {PLAN_IMAGE, OFFICE, 0}, {PLAN_SYNC, FIRST, 0}}, 7},
    {"work on what a rep was given after the backup, and has not been given",
     {{PLAN_SYNC, FIRST, 0}, {PLAN_IMAGE, OFFICE, 0}, {PLAN_ASSIGN, OFFICE, 5}, {PLAN_SYNC, FIRST, 0},
      {PLAN_WRITE, FIRST, 6}, {PLAN_SYNC, FIRST, 0}, {PLAN_WRITE, FIRST, 2}, {PLAN_RESTORE, OFFICE, 0},
      {PLAN_SYNC, FIRST, 2}}, 9},
    {"work of a user before is lost after it was confirmed",
     {{PLAN_IMAGE, OFFICE, 0}, {PLAN_WRITE, FIRST, 2}, {PLAN_SYNC, FIRST, 0}, {PLAN_HANDOVER, FIRST, 2},
      {PLAN_SYNC, FIRST, 2}, {PLAN_RESTORE, OFFICE, 0}, {PLAN_EDIT, OFFICE, 6}, {PLAN_SYNC, FIRST, 2}}, 8},
    {"a device goes back behind what it had confirmed",
     {{PLAN_SYNC, FIRST, 0}, {PLAN_IMAGE, FIRST, 0}, {PLAN_WRITE, FIRST, 0}, {PLAN_SYNC, FIRST, 0},
      {PLAN_WRITE, FIRST, 0}, {PLAN_SYNC, FIRST, 2}, {PLAN_RESTORE, FIRST, 0}, {PLAN_SYNC, FIRST, 2}}, 8},
    {"a device is revoked that had not sent its work",
     {{PLAN_WRITE, FIRST, 2}, {PLAN_REVOKE, FIRST, 0}, {PLAN_SYNC, FIRST, 3}}, 3},
    {"a device is revoked, and somebody else enrols on it",
     {{PLAN_SYNC, FIRST, 0}, {PLAN_WRITE, FIRST, 3}, {PLAN_REVOKE, FIRST, 0}, {PLAN_HANDOVER, FIRST, 0},
      {PLAN_SYNC, FIRST, 3}}, 5},
    {"a copy sends first what the other had sent before the restore",
     {{PLAN_IMAGE, OFFICE, 0}, {PLAN_CLONE, FIRST, 0}, {PLAN_WRITE, FIRST, 0}, {PLAN_SYNC, FIRST, 0},
      {PLAN_WRITE, FIRST, 0}, {PLAN_SYNC, FIRST, 0}, {PLAN_RESTORE, OFFICE, 0}, {PLAN_WRITE, SECOND, 0},
      {PLAN_SYNC, SECOND, 0}, {PLAN_SYNC, FIRST, 2}}, 10},
    {"a rep makes an account, and it is taken from him before he hears that he has it",
     {{PLAN_SYNC, FIRST, 0}, {PLAN_OPENS, FIRST, 0}, {CUT, FIRST, 0}, {PLAN_TAKES, OFFICE, 0},
      {PLAN_SYNC, FIRST, 2}}, 5},
    {"records are written again and again while a download of them is cut",
     {{PLAN_EDIT, OFFICE, 5}, {CUT, FIRST, 0}, {PLAN_EDIT, OFFICE, 5}, {CUT, FIRST, 0}, {PLAN_EDIT, OFFICE, 5},
      {PLAN_SYNC, FIRST, 0}, {PLAN_EDIT, OFFICE, 5}, {PLAN_SYNC, FIRST, 0}}, 8},
    {"headquarters forgets what happened while a device was away",
     {{PLAN_SYNC, FIRST, 0}, {PLAN_EDIT, OFFICE, 8}, {PLAN_MOVE, OFFICE, 3}, {PLAN_ASSIGN, OFFICE, 3},
      {PLAN_SYNC, SECOND, 0}, {A_DAY, OFFICE, 0}, {PLAN_EDIT, OFFICE, 0}, {PLAN_PURGE, OFFICE, 0},
      {PLAN_EDIT, OFFICE, 2}, {PLAN_SYNC, FIRST, 2}}, 10},
    {"a word is taken out by one who does not know that it was put in again",
     {{PLAN_SYNC, FIRST, 0}, {PLAN_SYNC, SECOND, 0}, {PLAN_TAG, FIRST, 0}, {PLAN_SYNC, FIRST, 0},
      {PLAN_SYNC, SECOND, 0}, {PLAN_TAG, SECOND, 0}, {PLAN_TAG, FIRST, 0}, {PLAN_SYNC, FIRST, 0}, {PLAN_TAG, FIRST, 0},
      {PLAN_SYNC, FIRST, 0}, {PLAN_SYNC, SECOND, 0}}, 11},
    {"a rep takes a word out again that somebody else has put in meanwhile",
     {{QUICK, OFFICE, 0}, {PLAN_SYNC, FIRST, 0}, {PLAN_SYNC, SECOND, 0}, {PLAN_TAG, FIRST, 0}, {PLAN_SYNC, FIRST, 0}, {PLAN_TAG, SECOND, 0},
      {PLAN_LOST, SECOND, 0}, {PLAN_TAG, SECOND, 0}, {PLAN_SYNC, SECOND, 0}}, 9},
    {"what came while it was overwritten stands, and the answer that says so is lost",
     {{QUICK, OFFICE, 0}, {PLAN_SYNC, FIRST, 0}, {PLAN_SYNC, SECOND, 0}, {PLAN_SLOW, SECOND, 0}, {SAME, FIRST, 0},
      {PLAN_SYNC, FIRST, 0}, {PLAN_SYNC, SECOND, 0}, {SOON, SECOND, 0}, {SAME, SECOND, 0}, {PLAN_LOST, SECOND, 0},
      {PLAN_SYNC, SECOND, 2}}, 11},
    {"copies made two accounts under one id; headquarters hears of both again after a restore, of a visit at one later",
     {{PLAN_SYNC, FIRST, 0}, {PLAN_CLONE, FIRST, 0}, {PLAN_IMAGE, OFFICE, 0}, {PLAN_OPENS, SECOND, 0},
      {PLAN_TAG, FIRST, 0}, {PLAN_SYNC, FIRST, 0}, {PLAN_SYNC, SECOND, 2}, {PLAN_RESTORE, OFFICE, 0},
      {PLAN_OPENS, FIRST, 0}, {PLAN_SYNC, FIRST, 0}, {PLAN_CALLS, SECOND, 0}, {PLAN_SYNC, SECOND, 2}}, 12},
    {"an id is taken of a record that headquarters has forgotten",
     {{PLAN_SYNC, FIRST, 0}, {PLAN_IMAGE, FIRST, 0}, {PLAN_OPENS, FIRST, 0}, {PLAN_SYNC, FIRST, 2},
      {PLAN_DROPS, FIRST, 0}, {PLAN_SYNC, FIRST, 2}, {A_DAY, OFFICE, 0}, {A_DAY, OFFICE, 0}, {A_DAY, OFFICE, 0},
      {PLAN_EDIT, OFFICE, 0}, {PLAN_PURGE, OFFICE, 0}, {PLAN_RESTORE, FIRST, 0}, {PLAN_OPENS, FIRST, 0},
      {PLAN_SYNC, FIRST, 2}}, 14},
    {"somebody holds the clock of a device while he reads it to beyond the end of its lease",
     {{QUICK, OFFICE, 0}, {PLAN_SYNC, FIRST, 0}, {PLAN_HELD, FIRST, 0}}, 3},
};
/* clang-format on */

static plan_event event_of(const scene *s, unsigned first, unsigned second) {
    static const plan_what meant[] = {PLAN_SYNC, PLAN_CONTEST};
    return (plan_event){.what = s->what >= CUT ? meant[s->what - CUT] : s->what,
                        .who = s->who == OFFICE  ? PLAN_HQ
                               : s->who == FIRST ? first
                                                 : second};
}

/* What an act of chance is to be by its lowest bits. */
static uint64_t work_of(const plan *self, const scene *s, uint64_t drawn, unsigned about,
                        unsigned second) {
    switch ((int)s->what) {
    case PLAN_CLONE: /* whose files are replaced */
        return drawn / self->devices * self->devices + second;
    case PLAN_TAG:
        return (drawn & ~UINT64_C(0x3f)) | about | 1;
    case SAME:
        return (drawn & ~UINT64_C(0x3f)) | about | PLAN_CONTEST_TEXT << 1 | 1;
    default:
        return drawn;
    }
}

static void play(plan *self, const drama *d, sim_dice *dice, sim_dice *faults) {
    unsigned first = (unsigned)sim_below(dice, self->devices);
    unsigned second = (first + 1 + (unsigned)sim_below(dice, self->devices - (self->devices > 1))) %
                      self->devices;
    unsigned about = (unsigned)sim_below(dice, 4) << 4;
    int64_t at_ms = (int64_t)sim_below(dice, (uint64_t)(self->days * DAY_MS));
    int hurries = sim_chance(dice, 300);
    if (sim_chance(dice, 500)) {
        at_ms = self->days * DAY_MS; /* nothing comes after it */
    }
    for (size_t i = 0; i < d->count; i++) {
        const scene *s = &d->scenes[i];
        int is_event = (int)s->what < PLAN_WHATS || s->what >= CUT;
        hurries |= s->what == QUICK;
        at_ms += s->what == A_DAY ? DAY_MS + DAY_MS / 4 : 0;
        for (unsigned n = 0; is_event && n < (s->times == 0 ? 1 : s->times); n++) {
            plan_event event = event_of(s, first, second);
            event.at_ms = at_ms;
            event.work = work_of(self, s, sim_draw(dice) | 1, about, second);
            uint64_t wrong = sim_draw(faults) | 1;
            event.faults = s->what == CUT || sim_chance(faults, 150) ? wrong : 0;
            plan_add(self, event);
            at_ms += i + 1 < d->count && d->scenes[i + 1].what == SOON
                         ? (int64_t)sim_below(dice, SOON_MS)
                         : MINUTE_MS * (2 + (int64_t)sim_below(dice, hurries ? 3 : 90));
        }
    }
}

void plan_add_dramas(plan *self, uint64_t seed) {
    sim_dice dice = sim_stream(seed, 13);
    sim_dice faults = sim_stream(seed, 14);
    for (unsigned chance = 400; sim_chance(&dice, chance); chance = 200) {
        play(self, &dramas[sim_below(&dice, sizeof dramas / sizeof *dramas)], &dice, &faults);
    }
}
