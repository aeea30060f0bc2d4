/*
 * base/planted.h - rules that a test build can take out, one at a time, to show that the tests notice.
 *
 *     if (!ROVE_PLANTED(P05_BLIND) && causal(...)) {
 *
 * is what it says without the macro in every build but one configured with ROVE_PLANTS=ON (the presets dev, asan and tsan):
 * there ROVE_PLANTED(x) is 1 while rove__planted is ROVE_PLANT_x. The name is the rule of docs/protocol.md and a word for
 * what goes wrong; the sentence says it in full. tests/rules has a test for each that fails when it is planted; those of the drop
 * box (B) and the wipe (W), which take a whole device, the simulator notices. The programs
 * of such a build take one from the environment (ROVE_PLANT=P05_BLIND), for `./dev processes --plant`.
 */
#ifndef ROVE_BASE_PLANTED_H
#define ROVE_BASE_PLANTED_H

/* clang-format off */
#define ROVE_PLANT_TABLE(X)                                                                        \
    X(B01_UNHEARD,      "what was sent leaves the drop box though nothing was answered")           \
    X(B02_TWICE,        "a note that comes again is another one")                                  \
    X(B03_UNCOMMITTED,  "what could not be committed counts as taken from a drop box")             \
    X(D01_STALE,        "what headquarters says of a record is not noted while work on it waits")  \
    X(D02_JOIN,         "headquarters' older version does not replace a newer one")                \
    X(D03_LAST_BASE,    "an edit of a waiting edit counts as having seen what came meanwhile")     \
    X(D04_SPLIT,        "what was written together is split over batches")                         \
    X(D05_DROPPED,      "a record that leaves takes unsent work with it")                          \
    X(D06_TRAMPLES,     "an Ack ends what was written after its batch")                            \
    X(D07_STAYS,        "what could not be applied stays when its scope leaves")                   \
    X(D08_ORPHANS,      "what is about a refused record is judged without it")                     \
    X(D09_PLAIN,        "acknowledged work stays readable")                                        \
    X(D09_FORGOTTEN,    "acknowledged work is dropped at once")                                    \
    X(D09_FOR_EVER,     "acknowledged work is never dropped")                                      \
    X(D09_ANY_LINE,     "a backup counts whatever timeline it is of")                              \
    X(D10_STUCK,        "a clock that was wrong once is wrong for ever")                           \
    X(D11_STAYS,        "the next user of a device finds what the one before had there")           \
    X(D11_REMAINS,      "what the user before had stays in the files")                             \
    X(D11_UNSENT_GONE,  "what the user before had not sent is dropped")                            \
    X(D11_REFUSED_GONE, "what was refused of the user before is dropped")                          \
    X(D11_REVOKED,      "work of a user before counts though his device was revoked")              \
    X(P01_GAP,          "a batch is judged though the one before it never came")                   \
    X(P01_UNCHAINED,    "a batch is judged whatever came before it")                               \
    X(P01_STALE,        "a batch is judged by what was known of its device before it had to wait")     \
    X(P02_AGAIN,        "a batch that comes again is judged again")                                \
    X(P02_WITHOUT_ROWS, "a batch that comes again does not get its rows as they are now")          \
    X(P03_OTHER_HASH,   "a number that comes again with other content passes for the same batch")  \
    X(P03_ROLLED_BACK,  "a device that forgot what it had confirmed passes")                       \
    X(P03_UNASKED,      "nobody asks for what is kept of a device's former numbers")               \
    X(P04_UNTOLD,       "a device is not told of names that headquarters gave by itself")          \
    X(P04_BY_NAME,      "two records that were given one id are one record")                       \
    X(P04_REUSED,       "the id of a record that was purged is given to another one")              \
    X(P05_BLIND,        "every write counts as concurrent, whatever its author had seen")          \
    X(P05_STRANGE,      "a device's own last value counts as another's")                           \
    X(P06_EARLIER,      "of concurrent registers the earlier wins")                                \
    X(P06_SILENT,       "the value that lost is not kept")                                         \
    X(P06_EQUAL,        "two who wrote the same are a conflict")                                   \
    X(P07_RAW,          "a device's own clock decides")                                            \
    X(P07_STEPS_BACK,   "when headquarters' clock is put back, its stamps go back too")            \
    X(P08_REGISTER,     "the stage written last wins, also when it is a step back")                \
    X(P09_REMOVE_WINS,  "a remove takes away adds that its author had not seen")                   \
    X(P09_LAST_ADDER,   "who takes his own add back takes another's along that he had not seen")   \
    X(P10_OVERWRITE,    "a counter is what the last device made of it")                            \
    X(P11_MIXED,        "what others wrote later replaces what was signed")                        \
    X(P11_WIPED,        "a seal takes along the elements of a set that its signer left alone")     \
    X(P11_REFUSED,      "a sealed record is refused by a rule")                                    \
    X(P12_DELETE_WINS,  "a delete takes away what its author had not seen")                        \
    X(P13_RING,         "two merges of duplicates point at each other")                            \
    X(P14_NOW,          "who lost an account loses what he wrote while he had it")                 \
    X(P14_ANYBODY,      "nobody asks whether the author held the record")                          \
    X(P15_DROPPED,      "an edit of a record that headquarters lacks is dropped")                  \
    X(P15_UNBOUNDED,    "a device makes headquarters keep as much as it likes for rows that never come") \
    X(P15_UNASKED,      "nobody is asked for a record that headquarters lacks")                    \
    X(P16_HALF,         "a batch that has to be judged anew passes for judged")                        \
    X(P16_CROWD,        "two servers write at once, each by what it saw before the other was done")     \
    X(Q01_SEQUENCE,     "seqs come from a sequence, and the head is the greatest that is committed")   \
    X(Q01_STATEMENTS,   "each read of a page shows what is committed by then")                         \
    X(Q01_BOUNDED,      "a row that was written again after the page's head is left out")          \
    X(Q02_PARTLY,       "a row that comes into a scope brings only what is new of it")             \
    X(Q03_UNMARKED,     "nobody says that a row left a scope")                                     \
    X(Q04_HELD_AT_C,    "only what was held at the cursor can be left")                            \
    X(Q05_LEFTOVERS,    "what a scope sent whole does not name stays")                             \
    X(Q06_UNCONFESSED,  "a replica in the middle of a download says that it is complete")          \
    X(Q07_ALL_AGAIN,    "a download that was cut begins anew")                                     \
    X(Q07_ANY_ORDER,    "today's visits come when their turn comes")                               \
    X(Q08_GAPS,         "a cursor from before the purge goes by what is left of the feed")         \
    X(Q08_NEW_LINE,     "a copy that lags takes a cursor beyond its head for another timeline's")  \
    X(Q08_FORGETFUL,    "a copy that lags asks a device for batches that it has not heard of")         \
    X(Q08_TAKES_BACK,   "a copy that lags answers what was pushed by what stood before it")            \
    X(G01_CLOCKS_ONLY,  "a digest says nothing of values")                                         \
    X(G02_WHOLE,        "of a large scope all is sent again, whatever differs")                    \
    X(G02_AGAIN,        "what does not become equal is sent again and again")                      \
    X(L01_WALL_CLOCK,   "a lease goes by the wall clock, which its holder sets")                    \
    X(L02_ON_CREDIT,    "a power cut gives back what was read since the lease was last written")   \
    X(L03_TURNED_BACK,  "a clock that was turned back over a restart is believed")                 \
    X(S01_UNCHAINED,    "a seal does not say which one came before it")                            \
    X(S02_SAME_NUMBER,  "what a device has sealed last is not noted: the next seal has its number") \
    X(S02_SKIPS,        "a seal's number is left out")                                             \
    X(S03_BEFORE,       "a record is signed as it was before what was written with the seal")      \
    X(S04_DROPPED,      "of two seals of one record the proof of the second is not kept")          \
    X(T01_SAME_LINE,    "a restored headquarters goes on as if nothing had been lost")             \
    X(T01_PARTLY,       "on a new timeline rows come in part, as if the rest were known")          \
    X(T02_SAME_NUMBER,  "headquarters makes its records under the number that it had before")      \
    X(T03_FORGIVES,     "headquarters does not ask for the batches that it lost")                  \
    X(T03_SHUT,         "headquarters does not open what devices have sealed")                     \
    X(W01_UNSEALED,     "what was not sent goes with a replica that is wiped")                     \
    X(W02_CUT_SHORT,    "a wipe that was cut off leaves the files for good")                       \
    X(W03_LOG_STAYS,    "the write-ahead log is none of the files that a wipe erases")             \
    X(W04_UNCOUNTED,    "a receipt counts what an earlier try had sealed no more")                \
    X(W05_UNKEPT,       "what a replica kept for a restored headquarters goes with it in a wipe")
/* clang-format on */

typedef enum rove__plant {
    ROVE_PLANT_NONE,
#define ROVE_PLANT_VALUE(name, sentence) ROVE_PLANT_##name,
    ROVE_PLANT_TABLE(ROVE_PLANT_VALUE)
#undef ROVE_PLANT_VALUE
        ROVE_PLANT_COUNT
} rove__plant;

#ifdef ROVE_PLANTS
/* The bug that is planted; changed by tests only, before any thread is started. */
extern rove__plant rove__planted;
/* Plants the bug of that name, for programs that a test starts; NULL plants none. 0: there is none of that name. */
int rove__plant_named(const char *name);
#define ROVE_PLANTED(name) (rove__planted == ROVE_PLANT_##name)
#else
#define ROVE_PLANTED(name) (ROVE_PLANT_##name == ROVE_PLANT_NONE) /* none of them is */
#endif

#endif
