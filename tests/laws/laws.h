/*
 * laws/laws.h - the laws of core/src/merge, of clocks and of digests. Which of them holds for what:
 *
 *                     joins of       judged one after the other          what an author had seen
 *                     two versions   by headquarters, unseen             (causal)
 *     register        a join         any order, same value and version   always wins, and stays later
 *     rank            a join         any order, same value and version   wins unless it is a step back
 *     counter         -              any order, same total               the same
 *     set             -              any order, same elements            the same
 *     delete          -              -                                   only then it counts
 *
 * "A join" is commutative, associative and idempotent, with a total order on ties. The versions of a set's elements and of
 * a counter only rise; they depend on the order in which headquarters judged, as do conflicts: there every different
 * value is either current or kept as one that lost. A counter is not idempotent by itself: each increment is handed over
 * once (P1, P10).
 */
#ifndef ROVE_TESTS_LAWS_LAWS_H
#define ROVE_TESTS_LAWS_LAWS_H

#include "lab.h"

#define LAW_TABLE(X)                                                                               \
    X(value_order, "values have a total order, in which only the same bits are equal")             \
    X(value_encoding, "a value is read back bit by bit, and what no device may send is not")       \
    X(version_order, "versions have a total order")                                                \
    X(register_join, "joining registers is commutative, associative and idempotent")               \
    X(register_unseen, "unseen writes of a register may be judged in any order and again")         \
    X(register_kept, "of unseen registers each different value is current or kept")                \
    X(register_seen, "who saw the value replaces it, and stays later than it")                     \
    X(rank_join, "joining ranks is commutative, associative and idempotent")                       \
    X(rank_unseen, "unseen writes of a rank may be judged in any order and again")                 \
    X(rank_kept, "of unseen ranks each different one is current or kept")                          \
    X(rank_forward, "a rank goes forward, whatever is written")                                    \
    X(causal, "a write is causal if its author saw what stands, or wrote it")                      \
    X(counter_sum, "a counter is the exact sum, in any order and in any pieces")                   \
    X(increments_encoding, "increments are read back as they were written")                        \
    X(set_order, "unseen adds and removes may be judged in any order and again")                   \
    X(set_adds_win, "an add is there afterwards, a remove takes away only what was seen or own")   \
    X(set_unseen_adds, "who takes back what he added takes nothing along that he had not seen")    \
    X(set_versions_rise, "the version of an element that is added again rises")                    \
    X(set_screen,                                                                                  \
      "the screen shows what was wanted, and headquarters agrees if nothing else came")            \
    X(set_encoding, "a set is read back as it was written, in each of its forms")                  \
    X(delete_covers, "a delete covers a record if and only if every cell was seen or own")         \
    X(canonical, "canonical stamps lie where headquarters can vouch for them, and rise")           \
    X(clock_order, "what is set in a clock does not depend on the order in which it is set")       \
    X(clock_encoding, "a clock is read back as it was written, with seqs and without")             \
    X(digest_sum, "a digest is a sum: any order, any parts, and what is taken away is gone")       \
    X(digest_says_all, "two rows have the same term only if they are the same")                    \
    X(digest_bytes, "a sum is read back as it was written")

#define LAW_DECLARE(name, sentence) const char *law_##name(lab *l);
LAW_TABLE(LAW_DECLARE)
#undef LAW_DECLARE

#endif
