/*
 * rules/rules.h - the rules that both ends share: the device refuses at once what headquarters would refuse
 * later, by the same code.
 *
 * A rule looks at one write (what stands, what comes, who writes) and says ROVE_OK or why not. Rules are
 * pure. To add one: write rules/<noun>.c with a function of the type rove__rule and a line in the table of
 * rules.c. Order is that of the table; the first refusal counts.
 */
#ifndef ROVE_RULES_RULES_H
#define ROVE_RULES_RULES_H

#include "base/alloc.h"
#include "model/change.h"

typedef enum rove__actor { ROVE_ACTOR_REP, ROVE_ACTOR_HQ } rove__actor;

typedef struct rove__write {
    rove__op op;                 /* INSERT, UPDATE, DELETE, SEAL */
    rove__actor actor;
    const rove__registry *registry;
    const rove__row *before;     /* what stands; NULL for an insert. May be partial where it does not matter */
    const rove__row *after;      /* the cells written; for an insert all; NULL for a delete */
    /*
     * Headquarters only, NULL and 0 on a device. Ordinals of cells in `before` that the author had not seen:
     * what he wrote there is merged (P6, P8), never refused by a state machine.
     */
    const rove__bits *unseen;
    int folded; /* 1: `after` may fold several acts into one, so that a path of states is enough */
} rove__write;

/* Fills in the error with a sentence that names entity, field and limit. */
typedef rove_status (*rove__rule)(const rove__write *write, rove_error *error);

/*
 * All rules. ROVE_RANGE, UTF8, TOO_BIG, REQUIRED, DENIED, STATE, CYCLE, INVALID, UNKNOWN_ENTITY. A -0.0 among
 * the cells of `after` becomes 0.0; nothing else is changed.
 */
ROVE_CHECK rove_status rove__rules_check(const rove__write *write, rove_error *error);

/* The single rules; public to the tests. */
rove_status rove__rule_limits(const rove__write *write, rove_error *error);   /* rules/limits.c */
rove_status rove__rule_policy(const rove__write *write, rove_error *error);   /* rules/policy.c */
rove_status rove__rule_required(const rove__write *write, rove_error *error); /* rules/required.c */
rove_status rove__rule_state(const rove__write *write, rove_error *error);    /* rules/state.c: visits, leads, sealed records */

/*
 * One value against one field's limits: type, range, size, UTF-8, enumeration, NaN; -0.0 becomes 0.0. NULL is
 * always allowed. ROVE_INVALID (the type), ROVE_UTF8, ROVE_TOO_BIG (too many bytes or elements), ROVE_RANGE.
 * A set is checked in each of its forms; of a delta the adds count. A counter is a total or a blob of
 * increments, whose form is checked where they are merged.
 */
ROVE_CHECK rove_status rove__limits_check(const rove__field *field, rove_value *value,
                                          rove_error *error);

/* ---- derived fields: rules/derive.c ---- */

/* Raised with each change of what derived fields come to. */
#define ROVE_DERIVE_VERSION 1u
/* 1 if an entity has derived fields. */
int rove__derives(const rove__entity *entity);
/*
 * Sets the derived cells of a whole row from its others; `present` stays as it is. Whoever stores a row calls it. A row of
 * an entity that derives gets cells of its own, they and their new values from the arena. ROVE_NOMEM.
 */
ROVE_CHECK rove_status rove__derive(rove__row *row, rove__arena *arena);
/*
 * What a way to reach somebody is compared by: the digits of a number, an address in small letters. `kind` is one of
 * ContactMethod.Kind; `out` has room for `size` bytes. The bytes written; 0: there is nothing to compare.
 */
size_t rove__normalise(int64_t kind, const char *text, size_t size, char *out);

#endif
