/*
 * sim/seals.c - what devices have signed (core/src/wire/proof.h), by headquarters' own audit: whatever happened, no honest device
 * stands accused. Times are left out: the clocks of a simulation are wrong on purpose.
 */
#include "world.h"

#include <inttypes.h>
#include <stdlib.h>

#include "audit/records.h"
#include "base/text.h"
#include "gather.h"

typedef struct seals {
    world *w;
    uint64_t missing[PLAN_DEVICES_MAX]; /* by the device that the number was of first */
} seals;

/* The device that sealed under a number, and had no other's files then; -1: none did. */
static int line_of(const world *w, rove_replica replica) {
    const ledger *l = &w->ledger;
    for (size_t i = 1; i < l->count; i++) {
        if (l->writes[i].what == LEDGER_SEAL && l->writes[i].replica == replica) {
            return l->writes[i].line;
        }
    }
    return -1;
}

/* Whatever became of the copies since. */
static int was_copied(const world *w, int line) {
    return (w->copied >> line & 1u) != 0;
}

static rove_status hear(void *ctx, const audit_finding *f) {
    seals *s = ctx;
    world *w = s->w;
    int line = line_of(w, f->replica);
    switch (f->kind) {
    case AUDIT_MERGED:
    case AUDIT_DATED:
    case AUDIT_SUSPECT:
    case AUDIT_MOCKED:
        return ROVE_OK;
    case AUDIT_MISSING:
        if (line >= 0) {
            s->missing[line] += f->count;
            return ROVE_OK;
        }
        break;
    case AUDIT_UNKNOWN: /* a key that a copy got after the backup, and a later certificate of its number came back first */
        if (w->office.restored) {
            return ROVE_OK;
        }
        break;
    case AUDIT_RENAMED:
    case AUDIT_FORKED:
    case AUDIT_BROKEN: /* one copy's next seal names what it took back, and the other's is here */
        if (line >= 0 && was_copied(w, line)) {
            return ROVE_OK;
        }
        break;
    default:
        break;
    }
    VIOLATED(w, "I25", "device %" PRIu32 ", seal %" PRIu64 " of %" PRId64 ": %s: %s", f->replica,
             f->ordinal, f->id, audit_kind_name(f->kind), f->text);
    return ROVE_OK;
}

/*
 * Seals that nobody has any more: taken back before they were sent, or gone with files that went back. And those that have not come yet,
 * with what waits for a refused record, while a later one has.
 */
static uint64_t lost_seals(const world *w, int line) {
    const ledger *l = &w->ledger;
    uint64_t count = 0;
    for (size_t i = 1; i < l->count; i++) {
        const ledger_write *write = &l->writes[i];
        count += write->what == LEDGER_SEAL && write->line == line && write->judged == 0 &&
                 write->reviewed == 0 &&
                 (write->given_up || write->unsure || check_waits(w, write));
    }
    return count;
}

static rove_status audit(void *ctx, rove__hq_tx *tx, rove_error *error) {
    seals *s = ctx;
    const audit_scope scope = {.late_ms = AUDIT_LATE_MS};
    audit_result result;
    (void)error;
    rove_status status = audit_run(s->w->office.hq, tx, &scope, hear, s, &result);
    s->w->counts->proofs += result.seals;
    return status;
}

void seals_check(world *w) {
    seals s = {.w = w};
    rove_status status = office_read(&w->office, audit, &s);
    if (status != ROVE_OK) {
        VIOLATED(w, "I22", "the audit says %s", rove_status_name(status));
    }
    for (int i = 0; i < PLAN_DEVICES_MAX; i++) {
        uint64_t lost = s.missing[i] > 0 ? lost_seals(w, i) : 0;
        int by_each = lost > 0 && was_copied(w, i); /* copies that go on name the same one */
        if (s.missing[i] > lost && !by_each) {
            VIOLATED(w, "I25", "of device %d %" PRIu64 " seals are missing; %" PRIu64 " were lost",
                     i, s.missing[i], lost);
        }
    }
}
