/*
 * small/schedule.c - runs one schedule (schedule.h).
 */
#include "schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "choice.h"
#include "ledger.h"

#define SECOND 1000
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

#define SETTLE_TURNS_MAX 10

/* What happens at headquarters: A syncs, B syncs, the account passes A->B, and back B->A. */
typedef enum happening { SYNC_A, SYNC_B, AWAY, BACK, HAPPENINGS } happening;

static struct {
    const scenario *which;
    int done[DEVICES]; /* acts */
    int cut;           /* it has been */
    int crashed;
} now;

static void say(int device, const char *what, int number) {
    printf("  %c %s %d\n", 'A' + device, what, number);
}

/* Between two acts, or an act and a sync, or at the end. */
static void maybe_crash(int device) {
    if (!now.crashed && choose_rarely(2) == 1) {
        now.crashed = 1;
        say(device, "is killed, acts done:", now.done[device]);
        world_kill(device);
    }
}

static void act_once(int device) {
    world_tick(device, SECOND);
    say(device, "does act", now.done[device]);
    ledger_do(device, &now.which->ops[device][now.done[device]]);
    now.done[device]++;
}

static void act(int device, int until) {
    while (now.done[device] < until) {
        maybe_crash(device);
        act_once(device);
    }
}

static sync_end at_point(int device, int point) {
    sync_end end = SYNC_GOES_ON;

    if (point == SYNC_ANSWER) {
        ledger_reached(device);
        if (now.done[device] < OPS && choose_rarely(2) == 1) {
            act_once(device);
        }
    }
    int options = 1 + !now.cut + !now.crashed;
    int chosen = options == 1 ? 0 : choose_rarely(options);

    if (chosen == 1 && !now.cut) {
        end = SYNC_IS_CUT;
        now.cut = 1;
        say(device, "is cut off at point", point);
    } else if (chosen > 0) {
        end = SYNC_IS_KILLED;
        now.crashed = 1;
        say(device, "is killed in its sync at point", point);
    }
    return end;
}

static void sync(int device) {
    act(device, choose(OPS + 1));
    maybe_crash(device);
    world_tick(device, SECOND);
    say(device, "syncs, acts done:", now.done[device]);
    sync_outcome outcome = world_sync(device, at_point);
    ledger_synced(device, &outcome);
    if (outcome.differed) {
        fail_msg("device %d differs from headquarters", device);
    }
    act(device, OPS);
    maybe_crash(device);
}

static void happen(happening what) {
    world_wait(MINUTE);
    if (what == SYNC_A || what == SYNC_B) {
        sync(what == SYNC_B);
        return;
    }
    say(what == BACK, "loses the account", 0);
    world_reassign(what == BACK, what == AWAY);
    ledger_reassigned(what == BACK, what == AWAY);
}

/* One of those that may come next. BACK comes after AWAY, or not at all. */
static void happen_all(int back) {
    int left[HAPPENINGS] = {1, 1, 1, back};

    for (int count = 3 + back; count > 0; count--) {
        happening may[HAPPENINGS];
        int options = 0;
        for (happening h = SYNC_A; h < HAPPENINGS; h++) {
            if (left[h] && !(h == BACK && left[AWAY])) {
                may[options++] = h;
            }
        }
        happening next = may[options == 1 ? 0 : choose(options)];
        left[next] = 0;
        happen(next);
    }
}

/* One after the other, until nothing has happened since each of them last came. */
static void settle(void) {
    uint64_t met[DEVICES] = {0};

    for (int turn = 0; met[0] != world_head() || met[1] != world_head(); turn++) {
        int device = turn % DEVICES;
        if (turn == SETTLE_TURNS_MAX) {
            fail_msg("the devices never come to rest");
        }
        world_wait(HOUR);
        world_tick(device, HOUR);
        say(device, "settles, turn", turn);
        if (world_settle(device)) {
            fail_msg("device %d differs from headquarters", device);
        }
        met[device] = world_head();
    }
}

void schedule_run(const scenario *which) {
    memset(&now, 0, sizeof now);
    now.which = which;
    ledger_open();
    world_tick(choose(DEVICES), 20 * SECOND);
    happen_all(choose(2));
    settle();
    ledger_check();
}
