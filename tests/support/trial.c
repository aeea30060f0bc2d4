/*
 * support/trial.c - see trial.h.
 */
#include "trial.h"

#include <execinfo.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arena_watch.h"
#include "way.h"
#include "wire/frame.h"

#define DEEP   128  /* frames of a stack */
#define PLACES 8192 /* sequences of callers; a power of two */
#define POINTS 4096 /* of one play */
/* Under the address sanitizer, where a play takes ten times as long, each way to a call fails once. */
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

typedef enum fault_kind { OF_MEMORY, OF_ARENAS, OF_STORE, OF_OTHERS } fault_kind;

typedef struct trial_point {
    size_t at;
    rove_status status;
    int for_good;
} trial_point;

/* The callers of a call. */
typedef struct place {
    uint64_t callers; /* 0: free */
    uint64_t play;    /* the last one that came by */
    size_t times;     /* in it */
    unsigned tried;   /* bit 0: its first call, bit 1: a later one */
} place;

static place places[PLACES];
static uint64_t plays;
static size_t tried;

size_t trial_count(void) {
    return tried;
}

/* ---- which calls ------------------------------------------------------------------------------------------ */

static place *place_of(uint64_t callers) {
    size_t at = (size_t)(callers % PLACES);

    for (size_t i = 0; places[at].callers != 0 && places[at].callers != callers; i++) {
        assert_true(i < PLACES);
        at = (at + 1) % PLACES;
    }
    places[at].callers = callers;
    return &places[at];
}

static void add_point(trial *t, rove_status status, int for_good) {
    if (t->point_count < POINTS) {
        t->points[t->point_count++] = (trial_point){t->calls, status, for_good};
    }
}

/* The call at hand is to be tried, unless one like it was. */
static void note(trial *t, fault_kind kind) {
    place *p = place_of(way_from(&t->start, (uint64_t)kind));

    p->times = p->play == plays ? p->times + 1 : 0;
    p->play = plays;
    unsigned bit = p->times == 0 ? 1 : 2;
    if (p->times > 1 || (p->tried & bit) != 0) {
        return;
    }
    p->tried |= bit;
    if (bit == 2 && SANITIZED) {
        return;
    }
    add_point(t, ROVE_IO, 0);
    if (bit == 1 && !SANITIZED) {
        add_point(t, ROVE_FULL, 1);
    }
    if (bit == 1 && kind == OF_STORE) {
        add_point(t, ROVE_LATER, 0);
    }
}

/* For addr2line: who made the call that fails, with ROVE_TRIALS in the environment. */
static void tell(const trial *t) {
    void *frames[DEEP];

    if (getenv("ROVE_TRIALS") != NULL) {
        int depth = backtrace(frames, DEEP);
        backtrace_symbols_fd(frames, depth - t->start.depth, 1);
    }
}

/* 1: the call at hand fails. */
static int fails(trial *t, fault_kind kind) {
    if (!t->playing) {
        return 0;
    }
    t->calls++;
    if (t->points != NULL) {
        note(t, kind);
    }
    if (t->calls == t->fail_at) {
        tell(t);
    }
    return t->fail_at != 0 && (t->calls == t->fail_at || (t->for_good && t->calls > t->fail_at));
}

/* ---- the ports -------------------------------------------------------------------------------------------- */

static int memory_fault(void *ctx) {
    return fails(ctx, OF_MEMORY);
}

/* Of headquarters' arenas, not of those that tests and the store have. */
static int arena_fault(void *ctx, const rove__arena *arena) {
    trial *t = ctx;

    return arena->allocator->ctx == t->h && fails(t, OF_ARENAS);
}

static int file_fault(void *ctx) {
    return fails(ctx, OF_OTHERS);
}

static rove_status store_fault(void *ctx) {
    trial *t = ctx;

    return fails(t, OF_STORE) ? t->status : ROVE_OK;
}

static rove_status fill(void *ctx, void *bytes, size_t size) {
    trial *t = ctx;

    return fails(t, OF_OTHERS) ? ROVE_IO : t->random.fill(t->random.ctx, bytes, size);
}

static rove_status sha256(void *ctx, const rove_span *spans, size_t count,
                          uint8_t out[ROVE_SHA256_SIZE]) {
    trial *t = ctx;

    return fails(t, OF_OTHERS) ? ROVE_CRYPTO : t->crypto.sha256(t->crypto.ctx, spans, count, out);
}

static rove_status hkdf(void *ctx, const void *secret, size_t secret_size, const void *salt,
                        size_t salt_size, const void *info, size_t info_size, void *out,
                        size_t out_size) {
    trial *t = ctx;

    return fails(t, OF_OTHERS) ? ROVE_CRYPTO
                               : t->crypto.hkdf_sha256(t->crypto.ctx, secret, secret_size, salt,
                                                       salt_size, info, info_size, out, out_size);
}

/*
 * What a public-key operation gave it gives again: the plays of a trial do the same ones thousands of times. Direct-mapped, by the
 * digest of what goes in.
 */
typedef struct result {
    uint8_t of[ROVE_SHA256_SIZE];
    rove_status status;
    uint8_t secret[ROVE_ECDH_SIZE];
} result;

static result results[1024];

/* 1: it was done before. The slot in which to look, or to put it. */
static int was_done(const trial *t, const char *what, const rove_span spans[3], result **slot) {
    size_t sizes[3] = {spans[0].size, spans[1].size, spans[2].size};
    rove_span all[5] = {{what, 1}, {sizes, sizeof sizes}, spans[0], spans[1], spans[2]};
    uint8_t of[ROVE_SHA256_SIZE];
    uint16_t at = 0;

    assert_int_equal(t->crypto.sha256(t->crypto.ctx, all, 5, of), ROVE_OK);
    memcpy(&at, of, sizeof at);
    *slot = &results[at % (sizeof results / sizeof *results)];
    if (memcmp((*slot)->of, of, sizeof of) == 0) {
        return 1;
    }
    memcpy((*slot)->of, of, sizeof of);
    return 0;
}

static rove_status ecdh(void *ctx, const void *key_der, size_t key_size, const void *public_der,
                        size_t public_size, uint8_t out[ROVE_ECDH_SIZE]) {
    trial *t = ctx;
    rove_span in[3] = {{key_der, key_size}, {public_der, public_size}, {"", 0}};
    result *r = NULL;

    if (fails(t, OF_OTHERS)) {
        return ROVE_CRYPTO;
    }
    if (!was_done(t, "e", in, &r)) {
        r->status =
            t->crypto.ecdh(t->crypto.ctx, key_der, key_size, public_der, public_size, r->secret);
    }
    memcpy(out, r->secret, sizeof r->secret);
    return r->status;
}

static rove_status gcm_open(void *ctx, const uint8_t key[ROVE_GCM_KEY_SIZE],
                            const uint8_t nonce[ROVE_GCM_NONCE_SIZE], const void *aad,
                            size_t aad_size, const void *in, size_t size,
                            const uint8_t tag[ROVE_GCM_TAG_SIZE], void *out) {
    trial *t = ctx;

    return fails(t, OF_OTHERS)
               ? ROVE_CRYPTO
               : t->crypto.gcm_open(t->crypto.ctx, key, nonce, aad, aad_size, in, size, tag, out);
}

static rove_status verify(void *ctx, const void *public_der, size_t public_size,
                          const void *message, size_t message_size, const void *signature,
                          size_t signature_size) {
    trial *t = ctx;

    rove_span in[3] = {
        {public_der, public_size}, {message, message_size}, {signature, signature_size}};
    result *r = NULL;

    if (fails(t, OF_OTHERS)) {
        return ROVE_CRYPTO;
    }
    if (!was_done(t, "v", in, &r)) {
        r->status = t->crypto.verify(t->crypto.ctx, public_der, public_size, message, message_size,
                                     signature, signature_size);
    }
    return r->status;
}

static rove_status key_public(void *ctx, const void *key_der, size_t key_size, uint8_t *public_der,
                              size_t capacity, size_t *size) {
    const trial *t = ctx;

    return t->crypto.key_public(t->crypto.ctx, key_der, key_size, public_der, capacity, size);
}

void trial_open(trial *t) {
    t->faulty_random = (rove_random){fill, t};
    t->faulty_crypto = (rove_crypto){.sha256 = sha256,
                                     .hkdf_sha256 = hkdf,
                                     .gcm_open = gcm_open,
                                     .key_public = key_public,
                                     .verify = verify,
                                     .ecdh = ecdh,
                                     .ctx = t};
    memory_headquarters_watch(t->hq, store_fault, t);
    t->h->fault = memory_fault;
    t->h->fault_ctx = t;
    t->files->fault = file_fault;
    t->files->fault_ctx = t;
}

/* ---- a play ----------------------------------------------------------------------------------------------- */

typedef struct ending {
    rove_status status; /* the play's; or what its answer's FAIL says */
    int told;           /* 1: by a FAIL frame */
    rove__buf answer;
    memory_state *state;
} ending;

static void forget(ending *e) {
    rove__buf_free(&e->answer);
    memory_headquarters_forget(e->state);
}

/* How an answer ends. */
static void read_end(const trial *t, ending *e) {
    rove_allocator allocator = heap_allocator(t->h);
    rove__frame_reader *reader = NULL;
    rove__frame frame;
    rove__fail fail = {ROVE_OK, ""};
    rove_status status = ROVE_OK;
    rove__arena arena;
    int last = 0;

    rove__arena_init(&arena, &allocator, (size_t)1 << 24);
    assert_int_equal(rove__frame_reader_new(&allocator, &reader), ROVE_OK);
    assert_int_equal(rove__frame_reader_feed(reader, e->answer.data, e->answer.size), ROVE_OK);
    while ((status = rove__frame_reader_next(reader, &frame)) == ROVE_OK) {
        last = (int)frame.type;
        if (last == ROVE_FRAME_FAIL) {
            assert_int_equal(rove__fail_read(&fail, frame.payload, frame.size, &arena), ROVE_OK);
            assert_true(fail.reason[0] != '\0' && fail.status != ROVE_OK);
        }
    }
    assert_int_equal(status, ROVE_DONE);
    assert_int_equal(rove__frame_reader_finish(reader), ROVE_OK);
    assert_true(last == ROVE_FRAME_END || last == ROVE_FRAME_FAIL);
    e->told = last == ROVE_FRAME_FAIL;
    e->status = fail.status;
    rove__frame_reader_free(reader);
    rove__arena_free(&arena);
}

/* Out of line, so that every play begins at the same depth. */
__attribute__((noinline)) static rove_status begin(trial *t, trial_play play, void *ctx,
                                                   rove__buf *answer) {
    t->start = way_starts(__builtin_frame_address(0));
    t->calls = 0;
    t->playing = 1;
    int (*before)(void *ctx, const rove__arena *arena) = arena_watch; /* store_trial.h's */
    arena_watch = arena_fault;
    arena_watch_ctx = t;
    rove_status status = play(ctx, answer);
    arena_watch = before;
    t->playing = 0;
    return status;
}

static void play_once(trial *t, int frames, trial_play play, void *ctx, ending *e) {
    static heap answers; /* not headquarters' memory */
    static rove_allocator allocator;
    uint64_t seed = *t->seed;
    size_t alive = t->h->alive;
    size_t open = t->files->open;

    allocator = heap_allocator(&answers);
    *e = (ending){.status = ROVE_OK};
    rove__buf_init(&e->answer, &allocator, (size_t)256 << 20);
    e->status = begin(t, play, ctx, &e->answer);
    *t->seed = seed;
    assert_int_equal(t->h->alive, alive);
    assert_int_equal(t->files->open, open);
    e->state = memory_headquarters_keep(t->hq);
    if (frames && e->status == ROVE_OK) {
        read_end(t, e);
    }
}

static void same_state(const ending *a, const ending *b, const char *when) {
    const char *table = memory_headquarters_differ(a->state, b->state);

    if (table != NULL) {
        fail_msg("%s, %s differ", when, table);
    }
}

static void same_answer(const ending *a, const ending *b) {
    assert_int_equal(a->answer.size, b->answer.size);
    if (a->answer.size > 0) {
        assert_memory_equal(a->answer.data, b->answer.data, a->answer.size);
    }
}

/* What a call without a fault would not say. */
static int explained(const trial_point *point, const ending *e) {
    static const rove_status faults[] = {ROVE_NOMEM, ROVE_IO, ROVE_FULL, ROVE_CRYPTO};

    if (e->told) {
        return e->status == ROVE_SERVER || e->status == ROVE_LATER;
    }
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        if (e->status == faults[i]) {
            return 1;
        }
    }
    return e->status == point->status;
}

static void try_point(trial *t, int frames, trial_play play, void *ctx, const trial_point *point,
                      const ending *before, const ending *well) {
    ending faulty;
    ending again;

    t->fail_at = point->at;
    t->for_good = point->for_good;
    t->status = point->status;
    play_once(t, frames, play, ctx, &faulty);
    t->fail_at = 0;
    if (faulty.status == well->status && faulty.told == well->told) {
        same_answer(&faulty, well);
        same_state(&faulty, well, "after a fault that nobody noticed");
    } else {
        if (!explained(point, &faulty)) {
            fail_msg("status %s", rove_status_name(faulty.status));
        }
        play_once(t, frames, play, ctx, &again);
        assert_int_equal(again.status, well->status);
        same_state(&again, well, "done again");
        if (faulty.state == before->state) {
            same_answer(&again, well);
        }
        forget(&again);
    }
    memory_headquarters_return(t->hq, before->state);
    forget(&faulty);
    tried++;
}

static void show(const trial *t, const trial_point *point) {
    if (getenv("ROVE_TRIALS") != NULL) {
        print_message("call %zu of %zu fails with %s%s\n", point->at, t->calls,
                      rove_status_name(point->status), point->for_good ? " and all after it" : "");
    }
}

void trial_run(trial *t, int frames, trial_play play, void *ctx) {
    trial_point *points = NULL;
    ending before = {.status = ROVE_OK};
    ending well;

    if (!t->on) {
        return;
    }
    points = test_malloc(POINTS * sizeof *points);
    before.state = memory_headquarters_keep(t->hq);
    plays++;
    t->points = points;
    t->point_count = 0;
    play_once(t, frames, play, ctx, &well);
    t->points = NULL;
    memory_headquarters_return(t->hq, before.state);
    for (size_t i = 0; i < t->point_count; i++) {
        show(t, &points[i]);
        try_point(t, frames, play, ctx, &points[i], &before, &well);
    }
    forget(&well);
    memory_headquarters_forget(before.state);
    test_free(points);
}
