/*
 * sim/reference.c - the merge of a register, a second time: who had seen what is known from the parents, so that neither
 * stamps nor bases of the product say what was causal. Of two writes that met unseen the conflict says which stands; that
 * it is the one with the greater canonical stamp is looked at, and that there is one for each such meeting and for no other.
 */
#include "world.h"

static const char *field_of(const world *w, const ledger_write *write) {
    const ledger_record *record = &w->ledger.records[write->record];
    const char *name =
        write->field < LEDGER_TEXTS ? ledger_entities[record->kind].texts[write->field] : NULL;
    return name == NULL ? "?" : name;
}

static reference_conflict *find(reference_conflict *conflicts, size_t count, uint32_t a,
                                uint32_t b) {
    for (size_t i = 0; i < count; i++) {
        reference_conflict *c = &conflicts[i];
        if (!c->seen && ((c->kept == a && c->lost == b) || (c->kept == b && c->lost == a))) {
            return c;
        }
    }
    return NULL;
}

static int is_greater(const reference_conflict *c) {
    return c->kept_stamp != c->lost_stamp ? c->kept_stamp > c->lost_stamp
                                          : c->kept_replica >= c->lost_replica;
}

void reference_register(world *w, const reference_step *steps, size_t count,
                        reference_conflict *conflicts, size_t conflict_count, uint32_t stands,
                        int exact) {
    const ledger *l = &w->ledger;
    uint32_t current = 0;
    rove_replica by = 0;
    for (size_t i = 0; i < count && exact; i++) {
        const reference_step *step = &steps[i];
        const ledger_write *write = &l->writes[step->write];
        int causal = current == 0 || step->by == by || write->author == LEDGER_HQ ||
                     ledger_after(l, step->write, current);
        if (!causal) {
            reference_conflict *c = find(conflicts, conflict_count, step->write, current);
            if (c == NULL) {
                VIOLATED(w, "I13", "r%u.%s: w%u met w%u unseen, and there is no conflict",
                         write->record, field_of(w, write), step->write, current);
                return;
            }
            c->seen = 1;
            if (!is_greater(c)) {
                VIOLATED(w, "I9", "r%u.%s: w%u stands against the later w%u", write->record,
                         field_of(w, write), c->kept, c->lost);
                return;
            }
            if (c->kept == current) {
                continue;
            }
        }
        current = step->write;
        by = step->by;
    }
    for (size_t i = 0; i < conflict_count && exact; i++) {
        if (!conflicts[i].seen) {
            VIOLATED(w, "I13", "r%u: a conflict of w%u and w%u, which never met unseen",
                     l->writes[conflicts[i].kept].record, conflicts[i].kept, conflicts[i].lost);
            return;
        }
    }
    if (exact && count > 0 && stands != current) {
        VIOLATED(w, "I9", "r%u.%s: w%u stands, and it should be w%u",
                 l->writes[steps[0].write].record, field_of(w, &l->writes[steps[0].write]), stands,
                 current);
    }
}
