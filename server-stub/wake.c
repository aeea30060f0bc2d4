/*
 * wake.c - see wake.h.
 *
 * Invariants: a waiter is in the list of all and in its user's, or in `due`, or its caller's. `due` is emptied by the
 * waking thread alone, outside of the mutex, for who is resumed may be gone at once. The news of a user is never older
 * than what was committed when he was first seen, so that nothing before it is missed.
 */
#include "wake.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "base/text.h"

#define USERS_FIRST 64 /* a power of two */
#define NOTES_FIRST 256

/* The last news of somebody, and the last that did not come from the device that the last one came from. */
typedef struct news {
    uint64_t seq;
    uint64_t other;
    rove_replica by;
} news;

typedef struct wake_user {
    rove_id user; /* 0: the place is free */
    news news;
    wake_waiter *first;
} wake_user;

typedef struct notes {
    rove__touch *items;
    size_t count;
    size_t capacity;
    int overflow; /* some were not noted */
} notes;

struct wake {
    hq *headquarters;
    const rove_allocator *allocator;
    rove__news told;
    wake_options options;
    rove__cursor began; /* the head when it was started */
    notes making;       /* the committing thread's own */
    pthread_t thread;
    pthread_mutex_t mutex; /* over what follows */
    pthread_cond_t changed;
    int running;
    int ending;
    notes made;      /* of transactions that are committed */
    uint64_t looked; /* the seq up to which news were taken */
    news everybody;
    wake_user *users; /* open addressing; nobody is ever taken out */
    size_t user_count;
    size_t user_capacity;
    wake_waiter *oldest, *newest;
    size_t waiting;
    wake_waiter *due;
    unsigned asked;
    uint64_t woken;
};

static int64_t now_ms(void) {
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- news ----------------------------------------------------------------------------------------------- */

static void news_add(news *self, uint64_t seq, rove_replica by) {
    if (seq <= self->seq) {
        return;
    }
    if (by != self->by) {
        self->other = self->seq;
        self->by = by;
    }
    self->seq = seq;
}

/* Up to where there is news for a device. */
static uint64_t news_for(const news *self, rove_replica replica) {
    return self->by == replica ? self->other : self->seq;
}

/* ---- users ---------------------------------------------------------------------------------------------- */

/* Where a user is, or would be. */
static wake_user *place_of(wake_user *users, size_t capacity, rove_id user) {
    size_t at = (size_t)((uint64_t)user * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (capacity - 1);
    while (users[at].user != 0 && users[at].user != user) {
        at = (at + 1) & (capacity - 1);
    }
    return &users[at];
}

static int grow(wake *self) {
    size_t capacity = self->user_capacity == 0 ? USERS_FIRST : self->user_capacity * 2;
    wake_user *users = rove__alloc_zeroed(self->allocator, capacity, sizeof *users);
    if (users == NULL) {
        return 0;
    }
    for (size_t i = 0; i < self->user_capacity; i++) {
        if (self->users[i].user != 0) {
            *place_of(users, capacity, self->users[i].user) = self->users[i];
        }
    }
    rove__free(self->allocator, self->users);
    self->users = users;
    self->user_capacity = capacity;
    return 1;
}

/* NULL: he never waited. */
static wake_user *find_user(wake *self, rove_id user) {
    wake_user *found =
        self->user_capacity == 0 ? NULL : place_of(self->users, self->user_capacity, user);
    return found == NULL || found->user == 0 ? NULL : found;
}

/* NULL without memory. */
static wake_user *know_user(wake *self, rove_id user) {
    wake_user *found = find_user(self, user);
    if (found != NULL) {
        return found;
    }
    if (self->user_count * 2 >= self->user_capacity && !grow(self)) {
        return NULL;
    }
    found = place_of(self->users, self->user_capacity, user);
    *found = (wake_user){.user = user, .news = {.seq = self->looked, .other = self->looked}};
    self->user_count++;
    return found;
}

/* ---- waiters -------------------------------------------------------------------------------------------- */

static void attach(wake *self, wake_user *user, wake_waiter *waiter) {
    waiter->older = self->newest;
    waiter->newer = NULL;
    if (self->newest != NULL) {
        self->newest->newer = waiter;
    } else {
        self->oldest = waiter;
    }
    self->newest = waiter;
    waiter->next = user->first;
    user->first = waiter;
    self->waiting++;
}

/* Out of both lists, and due. */
static void answer(wake *self, wake_waiter *waiter, wake_answer what) {
    wake_waiter **link = &find_user(self, waiter->user)->first;
    while (*link != waiter) {
        link = &(*link)->next;
    }
    *link = waiter->next;
    if (waiter->older != NULL) {
        waiter->older->newer = waiter->newer;
    } else {
        self->oldest = waiter->newer;
    }
    if (waiter->newer != NULL) {
        waiter->newer->older = waiter->older;
    } else {
        self->newest = waiter->older;
    }
    self->waiting--;
    self->woken += what == WAKE_CHANGED;
    waiter->answer = what;
    waiter->next = self->due;
    self->due = waiter;
}

static size_t from_address(const wake *self, const uint8_t address[WAKE_ADDRESS_SIZE]) {
    size_t count = 0;
    for (const wake_waiter *at = self->oldest; at != NULL; at = at->newer) {
        count += memcmp(at->address, address, WAKE_ADDRESS_SIZE) == 0;
    }
    return count;
}

static int has_news(const wake *self, const wake_user *user, const wake_waiter *waiter) {
    return waiter->cursor.seq < news_for(&user->news, waiter->replica) ||
           waiter->cursor.seq < news_for(&self->everybody, waiter->replica);
}

static wake_waiter *find_waiter(const wake_user *user, rove_replica replica) {
    wake_waiter *at = user->first;
    while (at != NULL && at->replica != replica) {
        at = at->next;
    }
    return at;
}

/* 1: it is attached; else its answer is there. */
static int take_in(wake *self, wake_waiter *waiter) {
    wake_user *user = self->running && !self->ending ? know_user(self, waiter->user) : NULL;
    waiter->answer = WAKE_LATER;
    if (user == NULL) {
        return 0;
    }
    if (waiter->asked != self->asked) {
        waiter->answer = WAKE_NOTHING;
        return 0;
    }
    if (waiter->cursor.timeline != self->began.timeline || has_news(self, user, waiter)) {
        waiter->answer = WAKE_CHANGED;
        self->woken++;
        return 0;
    }
    wake_waiter *before = find_waiter(user, waiter->replica);
    if (before != NULL) {
        answer(self, before, WAKE_LATER);
    }
    if (self->waiting >= self->options.most ||
        from_address(self, waiter->address) >= self->options.most_per_address) {
        return 0;
    }
    waiter->until_ms = now_ms() + self->options.wait_ms;
    attach(self, user, waiter);
    return 1;
}

int wake_wait(wake *self, wake_waiter *waiter) {
    (void)pthread_mutex_lock(&self->mutex);
    int waits = take_in(self, waiter);
    /* The waking thread sleeps until the oldest one's time is over. */
    if (self->due != NULL || (waits && self->oldest == self->newest)) {
        (void)pthread_cond_signal(&self->changed);
    }
    (void)pthread_mutex_unlock(&self->mutex);
    return waits;
}

unsigned wake_asked(wake *self) {
    (void)pthread_mutex_lock(&self->mutex);
    unsigned asked = self->asked;
    (void)pthread_mutex_unlock(&self->mutex);
    return asked;
}

void wake_device(wake *self, rove_id user, rove_replica replica) {
    (void)pthread_mutex_lock(&self->mutex);
    self->asked++;
    wake_user *known = find_user(self, user);
    wake_waiter *waiter = known == NULL ? NULL : find_waiter(known, replica);
    if (waiter != NULL) {
        answer(self, waiter, WAKE_NOTHING);
        (void)pthread_cond_signal(&self->changed);
    }
    (void)pthread_mutex_unlock(&self->mutex);
}

void wake_count(wake *self, size_t *waiting, uint64_t *woken) {
    (void)pthread_mutex_lock(&self->mutex);
    *waiting = self->waiting;
    *woken = self->woken;
    (void)pthread_mutex_unlock(&self->mutex);
}

/* ---- notes ---------------------------------------------------------------------------------------------- */

static void notes_free(const rove_allocator *allocator, notes *list) {
    rove__free(allocator, list->items);
    *list = (notes){.count = 0};
}

/* One more, or the last one goes on. */
static void notes_add(const rove_allocator *allocator, notes *list, const rove__touch *touch) {
    rove__touch *last = list->count == 0 ? NULL : &list->items[list->count - 1];
    if (last != NULL && last->root == touch->root && last->user == touch->user &&
        last->replica == touch->replica) {
        last->seq = touch->seq > last->seq ? touch->seq : last->seq;
        return;
    }
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? NOTES_FIRST : list->capacity * 2;
        rove__touch *items = NULL;
        if (capacity <= WAKE_NOTES_MAX) {
            items = rove__alloc_resize(allocator, list->items, capacity, sizeof *items);
        }
        if (items == NULL) {
            list->overflow = 1;
            return;
        }
        list->items = items;
        list->capacity = capacity;
    }
    ROVE_ASSERT(list->items != NULL);
    list->items[list->count++] = *touch;
}

static void note(void *ctx, const rove__touch *touch) {
    wake *self = ctx;
    notes_add(self->allocator, &self->making, touch);
}

const rove__news *wake_news(const wake *self) {
    return &self->told;
}

void wake_committed(void *ctx) {
    wake *self = ctx;
    (void)pthread_mutex_lock(&self->mutex);
    for (size_t i = 0; self->running && i < self->making.count; i++) {
        notes_add(self->allocator, &self->made, &self->making.items[i]);
    }
    self->made.overflow |= self->running && self->making.overflow;
    (void)pthread_cond_signal(&self->changed);
    (void)pthread_mutex_unlock(&self->mutex);
    self->making.count = 0;
    self->making.overflow = 0;
}

/* ---- a round -------------------------------------------------------------------------------------------- */

typedef struct round {
    wake *self;
    notes taken;
    rove__touch touch; /* at hand */
    rove__hq_tx *tx;
} round;

static void tell_everybody(wake *self, uint64_t seq, rove_replica by) {
    (void)pthread_mutex_lock(&self->mutex);
    news_add(&self->everybody, seq, by);
    for (wake_waiter *at = self->oldest, *newer = NULL; at != NULL; at = newer) {
        newer = at->newer;
        if (at->cursor.seq < news_for(&self->everybody, at->replica)) {
            answer(self, at, WAKE_CHANGED);
        }
    }
    (void)pthread_mutex_unlock(&self->mutex);
}

static void tell(const round *what, rove_id id) {
    wake *self = what->self;
    (void)pthread_mutex_lock(&self->mutex);
    wake_user *user = find_user(self, id);
    if (user != NULL) {
        news_add(&user->news, what->touch.seq, what->touch.replica);
    }
    for (wake_waiter *at = user == NULL ? NULL : user->first, *next = NULL; at != NULL; at = next) {
        next = at->next;
        if (has_news(self, user, at)) {
            answer(self, at, WAKE_CHANGED);
        }
    }
    (void)pthread_mutex_unlock(&self->mutex);
}

static rove_status each_grant(void *ctx, const rove__hq_grant *grant) {
    if (grant->to == ROVE_SEQ_OPEN) {
        tell(ctx, grant->user);
    }
    return ROVE_OK;
}

static rove_status each_edge(void *ctx, const rove__hq_entailment *edge) {
    round *what = ctx;
    const rove__hq_store *store = &hq_database(what->self->headquarters)->store;
    return edge->to == ROVE_SEQ_OPEN
               ? store->grant_scan(what->tx, 0, edge->holder, each_grant, what)
               : ROVE_OK;
}

/* Who holds the root now: granted, or entailed by a granted one. Who held it until now hears of his grant's end. */
static rove_status tell_holders(round *what) {
    const rove__hq_store *store = &hq_database(what->self->headquarters)->store;
    rove_id root = what->touch.root;
    tell(what, root); /* it may be a user's own */
    rove_status status = store->grant_scan(what->tx, 0, root, each_grant, what);
    return status == ROVE_OK ? store->entailment_scan(what->tx, 0, root, each_edge, what) : status;
}

/* Whoever is first seen from here on has what is in this head. 0: nobody was seen so far. */
static int look(wake *self, uint64_t head) {
    (void)pthread_mutex_lock(&self->mutex);
    self->looked = head > self->looked ? head : self->looked;
    int any = self->user_count > 0;
    (void)pthread_mutex_unlock(&self->mutex);
    return any;
}

static rove_status look_up(void *ctx, rove__hq_tx *tx, rove_error *error) {
    round *what = ctx;
    rove__hq_head head;
    rove_status status = hq_database(what->self->headquarters)->store.head_get(tx, &head);
    (void)error;
    if (status != ROVE_OK || !look(what->self, head.seq)) {
        return status;
    }
    what->tx = tx;
    for (size_t i = 0; i < what->taken.count && status == ROVE_OK; i++) {
        what->touch = what->taken.items[i];
        if (what->touch.seq > head.seq) {
            what->touch.seq = head.seq; /* of a transaction that was undone */
        }
        if (what->touch.user != 0) {
            tell(what, what->touch.user);
        } else if (what->touch.root == 0) {
            tell_everybody(what->self, what->touch.seq, what->touch.replica);
        } else {
            status = tell_holders(what);
        }
    }
    return status == ROVE_OK && what->taken.overflow ? ROVE_LIMIT : status;
}

/* Under the mutex, which it gives up meanwhile. */
static void take_news(wake *self) {
    round what = {.self = self, .taken = self->made};
    rove_error error = {0};
    self->made = (notes){.count = 0};
    (void)pthread_mutex_unlock(&self->mutex);
    rove_status status = hq_read(self->headquarters, look_up, &what, &error);
    if (status != ROVE_OK) {
        uint64_t newest = self->looked;
        for (size_t i = 0; i < what.taken.count; i++) {
            newest = what.taken.items[i].seq > newest ? what.taken.items[i].seq : newest;
        }
        rove__log(&hq_get_ports(self->headquarters)->log, ROVE_LOG_WARN, "wake",
                  "whom the last changes concern is not known (%s): everybody is woken",
                  rove_status_name(status));
        tell_everybody(self, newest, 0);
    }
    notes_free(self->allocator, &what.taken);
    (void)pthread_mutex_lock(&self->mutex);
}

/* ---- the waking thread ---------------------------------------------------------------------------------- */

static void end_waits(wake *self, int64_t until_ms) {
    while (self->oldest != NULL && self->oldest->until_ms <= until_ms) {
        answer(self, self->oldest, WAKE_NOTHING);
    }
}

/* Under the mutex, which it gives up meanwhile. */
static void resume_due(wake *self) {
    wake_waiter *due = self->due;
    self->due = NULL;
    (void)pthread_mutex_unlock(&self->mutex);
    for (wake_waiter *next = NULL; due != NULL; due = next) {
        next = due->next;
        due->resume(due->ctx);
    }
    (void)pthread_mutex_lock(&self->mutex);
}

/* Until something changes, or the time. */
static void rest(wake *self, int64_t until_ms) {
    struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                             .tv_nsec = (long)(until_ms % 1000) * 1000000};
    if (until_ms == INT64_MAX) {
        (void)pthread_cond_wait(&self->changed, &self->mutex);
    } else {
        (void)pthread_cond_timedwait(&self->changed, &self->mutex, &until);
    }
}

static int has_work(const wake *self) {
    return self->made.count > 0 || self->made.overflow || self->due != NULL ||
           (self->oldest != NULL && self->oldest->until_ms <= now_ms());
}

static void *work(void *ctx) {
    wake *self = ctx;
    int64_t pause_until_ms = 0;
    (void)pthread_mutex_lock(&self->mutex);
    while (!self->ending) {
        if (now_ms() < pause_until_ms) {
            rest(self, pause_until_ms);
            continue;
        }
        if (!has_work(self)) {
            rest(self, self->oldest == NULL ? INT64_MAX : self->oldest->until_ms);
            continue;
        }
        if (self->made.count > 0 || self->made.overflow) {
            take_news(self);
        }
        end_waits(self, now_ms());
        resume_due(self);
        pause_until_ms = now_ms() + WAKE_PAUSE_MS;
    }
    end_waits(self, INT64_MAX);
    resume_due(self);
    (void)pthread_mutex_unlock(&self->mutex);
    return NULL;
}

static rove_status read_head(void *ctx, rove__hq_tx *tx, rove_error *error) {
    wake *self = ctx;
    rove__hq_head head;
    rove_status status = hq_database(self->headquarters)->store.head_get(tx, &head);
    (void)error;
    self->began = (rove__cursor){head.timeline, head.seq};
    return status;
}

/* Whether what is noted from now on is kept. */
static void set_running(wake *self, int running) {
    (void)pthread_mutex_lock(&self->mutex);
    self->running = running;
    self->ending = 0;
    (void)pthread_mutex_unlock(&self->mutex);
}

rove_status wake_start(wake *self, const wake_options *options, rove_error *error) {
    ROVE_ASSERT(!self->running);
    self->options = *options;
    set_running(self, 1);
    rove_status status = hq_read(self->headquarters, read_head, self, error);
    self->looked = self->began.seq;
    self->everybody = (news){.seq = self->looked, .other = self->looked};
    if (status == ROVE_OK && pthread_create(&self->thread, NULL, work, self) != 0) {
        status = rove__error_set(error, ROVE_NOMEM, "A thread could not be started.");
    }
    if (status != ROVE_OK) {
        set_running(self, 0);
    }
    return status;
}

void wake_stop(wake *self) {
    if (self == NULL || !self->running) {
        return;
    }
    (void)pthread_mutex_lock(&self->mutex);
    self->ending = 1;
    (void)pthread_cond_signal(&self->changed);
    (void)pthread_mutex_unlock(&self->mutex);
    (void)pthread_join(self->thread, NULL);
    (void)pthread_mutex_lock(&self->mutex);
    self->running = 0;
    notes_free(self->allocator, &self->made);
    rove__free(self->allocator, self->users);
    self->users = NULL;
    self->user_count = 0;
    self->user_capacity = 0;
    (void)pthread_mutex_unlock(&self->mutex);
}

rove_status wake_new(hq *headquarters, wake **out, rove_error *error) {
    pthread_condattr_t attributes;
    const rove_allocator *allocator = &hq_get_ports(headquarters)->allocator;
    *out = NULL;
    wake *self = rove__alloc_zeroed(allocator, 1, sizeof *self);
    if (self == NULL) {
        return rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
    }
    self->headquarters = headquarters;
    self->allocator = allocator;
    self->told = (rove__news){note, self};
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&self->mutex, NULL);
    (void)pthread_cond_init(&self->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    *out = self;
    return ROVE_OK;
}

void wake_free(wake *self) {
    if (self == NULL) {
        return;
    }
    wake_stop(self);
    notes_free(self->allocator, &self->making);
    (void)pthread_cond_destroy(&self->changed);
    (void)pthread_mutex_destroy(&self->mutex);
    rove__free(self->allocator, self);
}
