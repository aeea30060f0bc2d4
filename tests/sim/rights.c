/*
 * sim/rights.c - who may write what, by what was ordered (P14): work on a record that its author had on his screen counts, for
 * then he held it; and none counts of who never can have held it, which happens where headquarters forgot that it had given
 * it to him.
 */
#include "gather.h"

/* Somebody deletes or signs it, or the account that it is in: then work may wait for other reasons. */
static int is_special(const ledger *l, uint32_t record) {
    for (uint32_t i = 1; i < l->count; i++) {
        const ledger_write *write = &l->writes[i];
        if ((write->what == LEDGER_DELETE || write->what == LEDGER_SEAL) &&
            (write->record == record || write->record == l->records[record].account)) {
            return 1;
        }
    }
    return 0;
}

/* Not entitled, it says; but he had it before him when he wrote. */
static void check_reviewed(world *w, uint32_t number) {
    const ledger *l = &w->ledger;
    const ledger_write *write = &l->writes[number];
    const ledger_record *record = &l->records[write->record];
    if (write->reviewed == 0 || write->what == LEDGER_DELETE || write->what == LEDGER_SEAL ||
        write->author < 0 || w->devices[write->author].family >= 0 ||
        w->devices[write->author].revoked || w->office.restored || w->purged ||
        w->plan->strict || /* a rule may have refused it */
        record->insert != 0 || record->odd || record->moved || record->kind > LEDGER_TASK ||
        l->records[record->account].odd || is_special(l, write->record)) {
        return;
    }
    VIOLATED(w, "P14", "w%u of r%u is in review, and u%d had it when he wrote", number,
             write->record, write->user);
}

/* Stages, deletes and elements do not say whose they are, where a record may have come by another device's number. */
static int is_told_apart(const world *w, const ledger_write *write) {
    return write->what == LEDGER_SET || write->what == LEDGER_COUNT ||
           (!w->office.restored && w->devices[write->author].family < 0);
}

/* He cannot have held it at any time that headquarters knows of. */
static void check_counted(world *w, uint32_t number) {
    const ledger *l = &w->ledger;
    const ledger_write *write = &l->writes[number];
    const ledger_record *record = &l->records[write->record];
    const ledger_record *root = record->account != 0 ? &l->records[record->account] : record;
    if (write->judged == 0 || write->author < 0 || write->what == LEDGER_INSERT || record->moved ||
        !is_told_apart(w, write) || root->kind != LEDGER_ACCOUNT || root->insert != 0 ||
        w->office.accepted || (root->ever >> write->user & 1u) != 0) {
        return;
    }
    VIOLATED(w, "I11", "w%u of r%u counts, and u%d never held it", number, write->record,
             write->user);
}

void rights_check(const gathered *self) {
    world *w = self->w;
    for (uint32_t i = 1; i < w->ledger.count && !world_failed(w); i++) {
        check_reviewed(w, i);
        check_counted(w, i);
    }
}
