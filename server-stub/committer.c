/*
 * committer.c - see committer.h.
 *
 * Invariants: a task is in the queue, in the group, or nobody's; done() is called exactly once, after the task's fate
 * is durable, and never under the mutex.
 */
#include "committer.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/text.h"

typedef struct queue {
    hq_task *first;
    hq_task **end;
} queue;

struct committer {
    const rove_allocator *allocator;
    const rove__hq_store *store;
    const rove_clock *clock;
    void (*on_commit)(void *ctx);
    void *on_commit_ctx;
    int threaded;
    pthread_t thread;
    pthread_mutex_t mutex; /* over what follows */
    pthread_cond_t changed;
    queue waiting;
    uint64_t groups;
    int ending;
};

static void queue_init(queue *list) {
    list->first = NULL;
    list->end = &list->first;
}

static void queue_add(queue *list, hq_task *task) {
    task->next = NULL;
    *list->end = task;
    list->end = &task->next;
}

static hq_task *queue_take(queue *list) {
    hq_task *task = list->first;
    if (task != NULL) {
        list->first = task->next;
        if (list->first == NULL) {
            list->end = &list->first;
        }
    }
    return task;
}

static int64_t boot_ms(const committer *self) {
    rove_clock_reading now;
    self->clock->read(self->clock->ctx, &now);
    return now.boot_ms;
}

/* NULL when there is none. */
static hq_task *next_waiting(committer *self) {
    (void)pthread_mutex_lock(&self->mutex);
    hq_task *task = queue_take(&self->waiting);
    (void)pthread_mutex_unlock(&self->mutex);
    return task;
}

/* Blocks for the first task of a group; NULL: the thread is to end, and nothing waits. */
static hq_task *first_waiting(committer *self) {
    (void)pthread_mutex_lock(&self->mutex);
    while (self->waiting.first == NULL && !self->ending) {
        (void)pthread_cond_wait(&self->changed, &self->mutex);
    }
    hq_task *task = queue_take(&self->waiting);
    (void)pthread_mutex_unlock(&self->mutex);
    return task;
}

/* Runs a job in its savepoint. The result is that of the transaction: OK while it can go on. */
static rove_status run_one(committer *self, rove__hq_tx *tx, hq_task *task, rove_error *error) {
    rove_status status = self->store->savepoint(tx, error);
    if (status != ROVE_OK) {
        return status;
    }
    task->tries++;
    task->error = (rove_error){0};
    task->status = task->job(task->ctx, tx, &task->error);
    return self->store->release(tx, task->status == ROVE_OK, error);
}

/* Runs jobs until none waits; *run gets all of them. */
static rove_status run_group(committer *self, rove__hq_tx *tx, hq_task *task, queue *run,
                             rove_error *error) {
    int64_t until_ms = boot_ms(self) + COMMITTER_GROUP_MS;
    rove_status status = ROVE_OK;
    while (task != NULL && status == ROVE_OK) {
        queue_add(run, task);
        status = run_one(self, tx, task, error);
        task = status == ROVE_OK && boot_ms(self) < until_ms ? next_waiting(self) : NULL;
    }
    return status;
}

/* Tells everyone of a group how it ended, or queues who may try again. */
static void settle(committer *self, queue *run, rove_status status, const rove_error *error) {
    for (hq_task *task = queue_take(run); task != NULL; task = queue_take(run)) {
        if (status != ROVE_OK && (task->status == ROVE_OK || task->tries == 0)) {
            task->status = status;
            task->error = *error;
        }
        if (task->status == ROVE_LATER && task->tries < COMMITTER_TRIES && status == ROVE_OK) {
            (void)pthread_mutex_lock(&self->mutex);
            queue_add(&self->waiting, task);
            (void)pthread_mutex_unlock(&self->mutex);
        } else {
            task->done(task->ctx);
        }
    }
}

static void commit_group(committer *self, hq_task *task) {
    rove_error error = {0};
    rove__hq_tx *tx = NULL;
    queue run;
    queue_init(&run);
    rove_status status = self->store->begin(self->store->ctx, ROVE_HQ_WRITE, &tx, &error);
    if (status != ROVE_OK) {
        queue_add(&run, task);
    } else {
        status = run_group(self, tx, task, &run, &error);
        if (status == ROVE_OK) {
            status = self->store->commit(tx, &error);
        } else {
            self->store->rollback(tx);
        }
    }
    if (status != ROVE_OK && error.message[0] == '\0') {
        (void)rove__error_set(&error, status, "%s", rove_status_text(status));
    }
    (void)pthread_mutex_lock(&self->mutex);
    self->groups += status == ROVE_OK;
    (void)pthread_mutex_unlock(&self->mutex);
    if (status == ROVE_OK && self->on_commit != NULL) {
        self->on_commit(self->on_commit_ctx);
    }
    settle(self, &run, status, &error);
}

static void *work(void *ctx) {
    committer *self = ctx;
    for (hq_task *task = first_waiting(self); task != NULL; task = first_waiting(self)) {
        commit_group(self, task);
    }
    return NULL;
}

rove_status committer_new(const rove_allocator *allocator, const rove__hq_store *store,
                          const rove_clock *clock, int threaded, committer **out,
                          rove_error *error) {
    *out = NULL;
    committer *self = rove__alloc_zeroed(allocator, 1, sizeof *self);
    if (self == NULL) {
        return rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
    }
    self->allocator = allocator;
    self->store = store;
    self->clock = clock;
    queue_init(&self->waiting);
    (void)pthread_mutex_init(&self->mutex, NULL);
    (void)pthread_cond_init(&self->changed, NULL);
    self->threaded = threaded;
    if (threaded && pthread_create(&self->thread, NULL, work, self) != 0) {
        (void)pthread_cond_destroy(&self->changed);
        (void)pthread_mutex_destroy(&self->mutex);
        rove__free(allocator, self);
        return rove__error_set(error, ROVE_NOMEM, "The committing thread could not be started.");
    }
    *out = self;
    return ROVE_OK;
}

void committer_free(committer *self) {
    if (self == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&self->mutex);
    self->ending = 1;
    (void)pthread_cond_signal(&self->changed);
    (void)pthread_mutex_unlock(&self->mutex);
    if (self->threaded) {
        (void)pthread_join(self->thread, NULL);
    }
    ROVE_ASSERT(self->waiting.first == NULL);
    (void)pthread_cond_destroy(&self->changed);
    (void)pthread_mutex_destroy(&self->mutex);
    rove__free(self->allocator, self);
}

void committer_on_commit(committer *self, void (*call)(void *ctx), void *ctx) {
    self->on_commit = call;
    self->on_commit_ctx = ctx;
}

void committer_submit(committer *self, hq_task *task) {
    ROVE_ASSERT(task->job != NULL && task->done != NULL);
    task->tries = 0;
    task->status = ROVE_LATER;
    (void)pthread_mutex_lock(&self->mutex);
    queue_add(&self->waiting, task);
    (void)pthread_cond_signal(&self->changed);
    (void)pthread_mutex_unlock(&self->mutex);
    if (!self->threaded) {
        for (hq_task *next = next_waiting(self); next != NULL; next = next_waiting(self)) {
            commit_group(self, next);
        }
    }
}

uint64_t committer_groups(committer *self) {
    (void)pthread_mutex_lock(&self->mutex);
    uint64_t groups = self->groups;
    (void)pthread_mutex_unlock(&self->mutex);
    return groups;
}

/* ---- waiting for one's own task ------------------------------------------------------------------------- */

typedef struct awaited {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    hq_task task;
    hq_job job;
    void *ctx;
    int done;
} awaited;

static rove_status awaited_job(void *ctx, rove__hq_tx *tx, rove_error *error) {
    awaited *self = ctx;
    return self->job(self->ctx, tx, error);
}

static void awaited_done(void *ctx) {
    awaited *self = ctx;
    (void)pthread_mutex_lock(&self->mutex);
    self->done = 1;
    (void)pthread_cond_signal(&self->changed);
    (void)pthread_mutex_unlock(&self->mutex);
}

rove_status committer_run(committer *self, hq_job job, void *ctx, rove_error *error) {
    awaited wait = {
        .task = {.job = awaited_job, .done = awaited_done, .ctx = &wait}, .job = job, .ctx = ctx};
    ROVE_ASSERT(!self->threaded || !pthread_equal(pthread_self(), self->thread));
    (void)pthread_mutex_init(&wait.mutex, NULL);
    (void)pthread_cond_init(&wait.changed, NULL);
    committer_submit(self, &wait.task);
    (void)pthread_mutex_lock(&wait.mutex);
    while (!wait.done) {
        (void)pthread_cond_wait(&wait.changed, &wait.mutex);
    }
    (void)pthread_mutex_unlock(&wait.mutex);
    (void)pthread_cond_destroy(&wait.changed);
    (void)pthread_mutex_destroy(&wait.mutex);
    if (wait.task.status != ROVE_OK && error != NULL) {
        *error = wait.task.error;
        if (error->message[0] == '\0') {
            return rove__error_set(error, wait.task.status, "%s",
                                   rove_status_text(wait.task.status));
        }
    }
    return wait.task.status;
}
