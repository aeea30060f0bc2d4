/*
 * sim/crowd.c - several servers on one database, which is the fake of PostgreSQL (mvcc.h): three reps exchange at once, each with
 * a server of his own, interleaved at the calls of the store as the dice will have it; calls fail for want of serialisation, and
 * connections are lost at COMMIT. Devices are those of support/site_rep.h. The ledger is small: each write has a number, which is its
 * value, and a parent, the number that its author saw there.
 *
 * A story of its own, in a process of its own: its tools assert.
 */
#include "crowd.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mvcc_crew.h"
#include "sim/dice.h"
#include "site.h"

#define REPS       3
#define ACCOUNTS   3
#define ROUNDS     6
#define WRITES_MAX 256
#define USER       INT64_C(0x7000000001)

static const char *const fields[] = {"website", "description", "phone"};
#define FIELDS (sizeof fields / sizeof *fields)

typedef struct entry {
    size_t account, field;
    uint32_t parent;
} entry;

typedef struct crowd {
    site s;
    site at[REPS];
    mvcc *db;
    mvcc_server *servers[REPS];
    rep reps[REPS];
    rep_outcome outcomes[REPS];
    rove_id accounts[ACCOUNTS];
    int64_t points[ACCOUNTS];
    entry writes[WRITES_MAX]; /* from 1 */
    uint32_t count;
    crew fibers;
    sim_dice dice;
    size_t calls_left; /* until one fails; 0: none does */
    uint64_t head;     /* that was seen last */
    int ends[2];
} crowd;

static void violated(crowd *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void violated(crowd *c, const char *format, ...) {
    char why[CROWD_WHY];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    (void)!write(c->ends[1], why, (size_t)size);
    _exit(1);
}

/* ---- the database --------------------------------------------------------------------------------------- */

static void yield(void *ctx, const mvcc_server *server) {
    crowd *c = ctx;
    crew_yield(&c->fibers, server);
}

static mvcc_fate fate(void *ctx, const mvcc_server *server, int commits) {
    crowd *c = ctx;
    (void)server;
    if (c->calls_left == 0 || --c->calls_left > 0) {
        return MVCC_GOES_ON;
    }
    return commits && sim_chance(&c->dice, 600) ? MVCC_UNHEARD : MVCC_FAILS;
}

static void open_all(crowd *c) {
    mvcc_hooks hooks = {yield, fate, c};
    site_open(&c->s);
    c->db = mvcc_new(c->s.hq);
    mvcc_set_hooks(c->db, &hooks);
    for (size_t i = 0; i < REPS; i++) {
        c->servers[i] = mvcc_server_open(c->db, 0);
    }
    c->s.store = c->s.ports.store = mvcc_server_store(c->servers[0]);
    for (size_t i = 0; i < REPS; i++) {
        c->at[i] = c->s;
        rove__arena_init(&c->at[i].arena, &c->at[i].allocator, (size_t)1 << 28);
        c->at[i].store = c->at[i].ports.store = mvcc_server_store(c->servers[i]);
        rep_open(&c->reps[i], &c->at[i], 100 * (rove_replica)(i + 1), USER + (rove_id)i);
    }
    for (size_t a = 0; a < ACCOUNTS; a++) {
        c->accounts[a] = site_account(&c->s, "Hotel Adler");
        for (size_t i = 0; i < REPS; i++) {
            site_grant(&c->s, USER + (rove_id)i, c->accounts[a]);
        }
    }
    for (size_t i = 0; i < REPS; i++) {
        rep_settle(&c->reps[i]);
    }
}

/* ---- what reps do --------------------------------------------------------------------------------------- */

static uint32_t number_of(rove_value value) {
    uint32_t number = 0;
    for (size_t i = 1; value.type == ROVE_TEXT && i < value.size; i++) {
        number = number * 10 + (uint32_t)(((const char *)value.as.data)[i] - '0');
    }
    return number;
}

static void write_one(crowd *c, rep *r) {
    char text[16];
    size_t account = (size_t)sim_below(&c->dice, ACCOUNTS);
    size_t field = (size_t)sim_below(&c->dice, FIELDS + 1);
    if (field == FIELDS) {
        int64_t by = 1 + (int64_t)sim_below(&c->dice, 1000);
        (void)rep_count(r, "Account", c->accounts[account], "points", by);
        c->points[account] += by;
    } else if (c->count + 1 < WRITES_MAX) {
        uint32_t number = ++c->count;
        c->writes[number] = (entry){
            account, field, number_of(rep_cell(r, "Account", c->accounts[account], fields[field]))};
        snprintf(text, sizeof text, "w%06u", number);
        (void)rep_update(r, "Account", c->accounts[account], fields[field], rove__value_text(text));
    }
}

/* ---- at once -------------------------------------------------------------------------------------------- */

static void exchange(crowd *c, size_t i) {
    rep_exchange(&c->reps[i], &c->outcomes[i]);
}
static void first(void *ctx) {
    exchange(ctx, 0);
}
static void second(void *ctx) {
    exchange(ctx, 1);
}
static void third(void *ctx) {
    exchange(ctx, 2);
}

static int by_step(const void *a, const void *b) {
    const crew_turn *x = a;
    const crew_turn *y = b;
    return x->step < y->step ? -1 : x->step > y->step;
}

static void meet(crowd *c) {
    static void (*const works[REPS])(void *) = {first, second, third};
    crew_turn turns[CREW_TURNS_MAX];
    size_t count = 1 + (size_t)sim_below(&c->dice, CREW_TURNS_MAX);
    for (size_t i = 0; i < count; i++) {
        turns[i] = (crew_turn){1 + (size_t)sim_below(&c->dice, 60), sim_below(&c->dice, REPS)};
    }
    qsort(turns, count, sizeof *turns, by_step);
    int fails = sim_chance(&c->dice, 300);
    c->fibers = (crew){.count = 0};
    c->calls_left = fails ? 1 + (size_t)sim_below(&c->dice, 80) : 0;
    for (size_t i = 0; i < REPS; i++) {
        c->reps[i].s = &c->at[i];
        crew_add(&c->fibers, c->servers[i], works[i], c);
    }
    if (!crew_run(&c->fibers, (size_t)sim_below(&c->dice, REPS), turns, count)) {
        violated(c, "no server can go on");
    }
    c->calls_left = 0;
    for (size_t i = 0; i < REPS; i++) {
        const rep_outcome *o = &c->outcomes[i];
        if (o->forked) {
            violated(c, "rep %zu is taken for a copy", i);
        }
        if (!fails && o->failed != ROVE_OK && o->failed != ROVE_LATER) {
            violated(c, "rep %zu is told %d: %s", i, (int)o->failed, o->reason);
        }
        if (o->failed == ROVE_OK && o->ended && !o->more && !o->verified) {
            violated(c, "rep %zu differs from the snapshot that he was sent", i);
        }
    }
}

/* ---- what must hold ------------------------------------------------------------------------------------- */

static int comes_before(const crowd *c, uint32_t write, uint32_t other) {
    while (other > write) {
        other = c->writes[other].parent;
    }
    return other == write;
}

/* Nobody's last word on what he saw is replaced by what stood before it. */
static void check_field(crowd *c, size_t account, size_t field) {
    uint32_t stands = number_of(site_cell(&c->s, "Account", c->accounts[account], fields[field]));
    uint32_t last = 0;
    for (uint32_t i = 1; i <= c->count; i++) {
        last = c->writes[i].account == account && c->writes[i].field == field ? i : last;
        if (last == i && stands != i && comes_before(c, stands, i)) {
            violated(c, "w%u stands, and w%u was written by who had seen it", stands, i);
        }
    }
    if ((stands == 0) != (last == 0)) {
        violated(c, "w%u stands, and w%u was written", stands, last);
    }
}

static void check(crowd *c) {
    size_t repairs = 0;
    for (size_t i = 0; i < REPS; i++) {
        repairs += c->reps[i].repairs;
    }
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < REPS; i++) {
            rep_settle(&c->reps[i]);
        }
    }
    for (size_t i = 0; i < REPS; i++) {
        rep_check(&c->reps[i]);
        repairs -= c->reps[i].repairs;
    }
    if (repairs != 0) {
        violated(c, "a digest had to say that something was not sent");
    }
    for (size_t a = 0; a < ACCOUNTS; a++) {
        rove_value sum = site_cell(&c->s, "Account", c->accounts[a], "points");
        if ((sum.type == ROVE_INT ? sum.as.integer : 0) != c->points[a]) {
            violated(c, "points are %lld, and %lld were added", (long long)sum.as.integer,
                     (long long)c->points[a]);
        }
        for (size_t f = 0; f < FIELDS; f++) {
            check_field(c, a, f);
        }
    }
}

static void tell(crowd *c) {
    open_all(c);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < REPS; i++) {
            for (uint64_t n = sim_below(&c->dice, 4); n > 0; n--) {
                write_one(c, &c->reps[i]);
            }
        }
        meet(c);
    }
    check(c);
}

int crowd_tell(uint64_t seed, char why[CROWD_WHY]) {
    static crowd c;
    int status = 0;
    c.dice = sim_stream(seed, 41);
    why[0] = '\0';
    fflush(stdout);
    if (pipe(c.ends) != 0) {
        return 0;
    }
    pid_t pid = fork();
    if (pid == 0) {
        tell(&c);
        _exit(0);
    }
    close(c.ends[1]);
    ssize_t size = read(c.ends[0], why, CROWD_WHY - 1);
    why[size > 0 ? size : 0] = '\0';
    close(c.ends[0]);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || (status != 0 && size <= 0)) {
        snprintf(why, CROWD_WHY, "it crashed, or an assertion failed");
    }
    return why[0] == '\0';
}
