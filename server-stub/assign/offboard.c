/*
 * assign/offboard.c - see offboard.h.
 *
 * The rows that change may be many, and a page of the feed ends at a seq: so the transaction has a writer, and with it a seq,
 * for every REALIGN_ROWS_MAX of them.
 */
#include "assign/offboard.h"

#include <string.h>

#include "assign/assign.h"
#include "assign/handover.h"
#include "assign/realign.h"
#include "base/alloc.h"
#include "base/text.h"
#include "orders.h"
#include "wake.h"

#include "rove/entities.pb-c.h"

#define ARENA_MAX  ((size_t)64 * 1024 * 1024)
#define ROW_MAX    ((size_t)4 * 1024 * 1024)
#define DETAIL_MAX 500

/* The transaction under way. */
typedef struct leaving {
    offboard *out;
    rove__hq_tx *tx;
    rove_error *error;
    const rove__hq_store *store;
    rove__arena arena; /* lists of this attempt */
    rove__writer *writer;
    uint64_t rows; /* that the writer wrote */
    uint64_t seq;  /* of the last one that ended */
} leaving;

static const rove_allocator *allocator_of(const offboard *self) {
    return &hq_get_ports(self->headquarters)->allocator;
}

static void forget(offboard *self) {
    rove__free(allocator_of(self), self->devices);
    rove__free(allocator_of(self), self->roots);
    *self = (offboard){.headquarters = self->headquarters,
                       .io = self->io,
                       .user_text = self->user_text,
                       .to_text = self->to_text,
                       .note = self->note,
                       .dry_run = self->dry_run};
}

void offboard_free(offboard *self) {
    forget(self);
}

int offboard_did(const offboard *self) {
    return self->device_count > 0 || self->wipes > 0 || self->codes > 0 || self->grants > 0 ||
           self->left || handover_total(&self->count) > 0;
}

/* ---- writers --------------------------------------------------------------------------------------------- */

static rove_status end_writer(leaving *self) {
    rove__writer *writer = self->writer;
    self->writer = NULL;
    self->rows = 0;
    return writer == NULL ? ROVE_OK : rove__writer_finish(writer, &self->seq, self->error);
}

/* There is a writer with room for more. */
static rove_status need_writer(leaving *self) {
    rove_status status = self->rows >= REALIGN_ROWS_MAX ? end_writer(self) : ROVE_OK;
    if (status == ROVE_OK && self->writer == NULL) {
        status = hq_writer(self->out->headquarters, self->tx, self->out->io->operator_name,
                           "offboard", &self->writer, self->error);
    }
    return status;
}

static int64_t number_of(const rove__row *row, const char *field) {
    int ordinal = rove__entity_field_named(row->entity, field);
    return ordinal >= 0 && row->cells[ordinal].type == ROVE_INT ? row->cells[ordinal].as.integer
                                                                : 0;
}

/* Sets one integer of a record. */
static rove_status set_number(leaving *self, const rove__entity *entity, rove_id id,
                              const char *field, int64_t value, size_t *changed) {
    rove__arena arena;
    rove__row row;
    rove_status status = need_writer(self);
    *changed = 0;
    if (status != ROVE_OK) {
        return status;
    }
    rove__arena_init(&arena, allocator_of(self->out), ROW_MAX);
    status = rove__row_init(&row, entity, id, &arena);
    if (status == ROVE_OK) {
        rove__row_set(&row, (size_t)rove__entity_field_named(entity, field),
                      rove__value_int(value));
        status = rove__writer_update(self->writer, &row, changed, self->error);
        self->rows += *changed > 0;
    }
    rove__arena_free(&arena);
    return status;
}

/* ---- devices and invitations ------------------------------------------------------------------------------ */

static rove_status order_wipe(leaving *self, rove_replica replica) {
    hq *headquarters = self->out->headquarters;
    hq_order order;
    int fresh = 0;
    rove_status status = hq_order_get(headquarters, self->tx, replica, &order);
    if (status == ROVE_OK && order.wiped_ms != 0) {
        return ROVE_OK;
    }
    if (status == ROVE_OK || status == ROVE_NOT_FOUND) {
        status = hq_order_give(headquarters, self->tx, replica, ROVE_ORDER_WIPE, HQ_ORDER_DAYS,
                               &fresh, self->error);
    }
    self->out->wipes += fresh != 0;
    return status;
}

typedef struct device_list {
    leaving *leaving;
    rove__hq_device *items;
    size_t count, capacity;
} device_list;

static rove_status each_device(void *ctx, const rove__hq_device *device) {
    device_list *list = ctx;
    rove__hq_device *items = rove__arena_grown(&list->leaving->arena, list->items, list->count,
                                               &list->capacity, sizeof *items);
    if (items == NULL) {
        return ROVE_NOMEM;
    }
    list->items = items;
    items[list->count++] = *device;
    return ROVE_OK;
}

/* Also a number that was replaced: who has it could renew it under another one. */
static rove_status revoke_devices(leaving *self) {
    offboard *out = self->out;
    device_list list = {.leaving = self};
    rove_status status = self->store->device_scan(self->tx, out->user.id, each_device, &list);
    if (status == ROVE_OK && list.count > 0) {
        out->devices = rove__alloc_zeroed(allocator_of(out), list.count, sizeof *out->devices);
        status = out->devices == NULL ? ROVE_NOMEM : ROVE_OK;
    }
    for (size_t i = 0; i < list.count && status == ROVE_OK; i++) {
        rove__hq_device *device = &list.items[i];
        if (device->status != ROVE_DEVICE_REVOKED) {
            out->devices[out->device_count++] = *device;
            device->status = ROVE_DEVICE_REVOKED;
            status = self->store->device_put(self->tx, device);
        }
        if (status == ROVE_OK) {
            status = order_wipe(self, device->replica);
        }
    }
    return status;
}

typedef struct code_list {
    leaving *leaving;
    int64_t now_ms;
    rove__hq_code *items;
    size_t count, capacity;
} code_list;

static rove_status each_code(void *ctx, const rove__hq_code *code) {
    code_list *list = ctx;
    if (code->user != list->leaving->out->user.id || code->used_ms != 0 || code->tries_left <= 0 ||
        code->until_ms <= list->now_ms) {
        return ROVE_OK;
    }
    rove__hq_code *items = rove__arena_grown(&list->leaving->arena, list->items, list->count,
                                             &list->capacity, sizeof *items);
    if (items == NULL) {
        return ROVE_NOMEM;
    }
    list->items = items;
    items[list->count++] = *code;
    return ROVE_OK;
}

static rove_status close_codes(leaving *self) {
    const rove__hq_directory *directory = &hq_database(self->out->headquarters)->directory;
    code_list list = {.leaving = self, .now_ms = hq_now_ms(self->out->headquarters)};
    rove_status status = directory->code_scan(self->tx, each_code, &list);
    for (size_t i = 0; i < list.count && status == ROVE_OK; i++) {
        list.items[i].tries_left = 0;
        list.items[i].until_ms = list.now_ms;
        status = directory->code_put(self->tx, &list.items[i]);
    }
    self->out->codes = list.count;
    return status;
}

static rove_status say_left(leaving *self) {
    const rove__entity *user =
        rove__registry_by_message(hq_registry(self->out->headquarters), &rove__user__descriptor);
    size_t changed = 0;
    rove_status status =
        set_number(self, user, self->out->user.id, "status", ROVE__USER__STATUS__LEFT, &changed);
    self->out->left = changed > 0;
    return status;
}

/* ---- what passes ------------------------------------------------------------------------------------------ */

static void text_of(const rove__row *row, const char *field, char *out, size_t capacity) {
    int ordinal = rove__entity_field_named(row->entity, field);
    size_t used = strlen(out);
    if (ordinal >= 0 && row->cells[ordinal].type == ROVE_TEXT) {
        rove__text_format(out + used, capacity - used, "%s%.*s", used > 0 ? " " : "",
                          (int)row->cells[ordinal].size, (const char *)row->cells[ordinal].as.data);
    }
}

static rove_status describe(leaving *self, offboard_root *root) {
    rove__arena arena;
    rove__hq_row row;
    rove__arena_init(&arena, allocator_of(self->out), ROW_MAX);
    rove_status status = self->store->row_get(self->tx, root->entity, root->id, 0, &arena, &row);
    if (status == ROVE_OK) {
        text_of(&row.row, "name", root->name, sizeof root->name);
        text_of(&row.row, "first_name", root->name, sizeof root->name);
        text_of(&row.row, "last_name", root->name, sizeof root->name);
        text_of(&row.row, "external_id", root->external_id, sizeof root->external_id);
    }
    rove__arena_free(&arena);
    return status;
}

static uint64_t roots_of(const handover_count *count) {
    return count->accounts + count->leads + count->contacts;
}

/* One root, in the writer that has room. */
static rove_status pass_root(leaving *self, const realign_move *move) {
    offboard *out = self->out;
    offboard_root *root = &out->roots[out->root_count];
    rove_status status = need_writer(self);
    if (status != ROVE_OK) {
        return status;
    }
    handover over = {.allocator = allocator_of(out),
                     .registry = hq_registry(out->headquarters),
                     .store = self->store,
                     .tx = self->tx,
                     .writer = self->writer,
                     .now_ms = hq_now_ms(out->headquarters),
                     .from = move->from,
                     .to = move->to,
                     .count = out->count,
                     .rows = self->rows};
    status = handover_root(&over, move->entity, move->root, self->error);
    if (status == ROVE_OK && roots_of(&over.count) > roots_of(&out->count)) {
        *root = (offboard_root){.entity = move->entity,
                                .id = move->root,
                                .tasks = over.count.tasks - out->count.tasks,
                                .visits = over.count.visits - out->count.visits};
        status = describe(self, root);
        out->root_count++;
    }
    out->count = over.count;
    self->rows = over.rows;
    return status;
}

static rove_status pass_roots(leaving *self) {
    offboard *out = self->out;
    const realign_filter all = {NULL, 0};
    realign_list list;
    realign_list_init(&list, allocator_of(out));
    rove_status status =
        realign_add_user(&list, out->headquarters, self->tx, out->user.id, out->to.id, &all);
    realign_list_sort(&list);
    if (status == ROVE_OK && list.count > 0) {
        out->roots = rove__alloc_zeroed(allocator_of(out), list.count, sizeof *out->roots);
        status = out->roots == NULL ? ROVE_NOMEM : ROVE_OK;
    }
    for (size_t i = 0; i < list.count && status == ROVE_OK; i++) {
        status = pass_root(self, &list.moves[i]);
    }
    realign_list_free(&list);
    return status;
}

/* ---- work about records that were never his, or are closed ----------------------------------------------- */

typedef struct id_list {
    leaving *leaving;
    rove_id *items;
    size_t count, capacity;
} id_list;

static rove_status each_id(void *ctx, rove_id id) {
    id_list *list = ctx;
    rove_id *items = rove__arena_grown(&list->leaving->arena, list->items, list->count,
                                       &list->capacity, sizeof *items);
    if (items == NULL) {
        return ROVE_NOMEM;
    }
    list->items = items;
    items[list->count++] = id;
    return ROVE_OK;
}

static rove_status each_open_grant(void *ctx, const rove__hq_grant *grant) {
    int *held = ctx;
    *held |= grant->to == ROVE_SEQ_OPEN;
    return *held ? ROVE_DONE : ROVE_OK;
}

static rove_status each_holder(void *ctx, const rove__hq_entailment *e) {
    return e->to == ROVE_SEQ_OPEN ? each_id(ctx, e->holder) : ROVE_OK;
}

/* Whether the other user holds a root: by a grant, or a contact by that of one of its accounts. */
static rove_status is_held(leaving *self, rove_id root, int *held) {
    rove_id to = self->out->to.id;
    id_list holders = {.leaving = self};
    *held = 0;
    rove_status status = self->store->grant_scan(self->tx, to, root, each_open_grant, held);
    if (status == ROVE_OK && !*held) {
        status = self->store->entailment_scan(self->tx, 0, root, each_holder, &holders);
    }
    for (size_t i = 0; i < holders.count && status == ROVE_OK && !*held; i++) {
        status = self->store->grant_scan(self->tx, to, holders.items[i], each_open_grant, held);
    }
    return status;
}

/* What somebody else has to do now: an open task that is not about himself; a visit of this month or later that is planned. */
static int is_to_do(const leaving *self, const rove__hq_row *row) {
    if (row->dead != 0) {
        return 0;
    }
    if (row->row.entity->message == &rove__task__descriptor) {
        return number_of(&row->row, "status") != ROVE__TASK__STATUS__COMPLETED &&
               row->scope.root != self->out->user.id;
    }
    return handover_is_planned(&row->row) &&
           row->scope.part >= rove__month_of(hq_now_ms(self->out->headquarters));
}

static rove_status pass_one(leaving *self, const rove__entity *entity, const char *field,
                            rove_id id, uint64_t *count) {
    rove__arena arena;
    rove__hq_row row;
    size_t changed = 0;
    int held = 0;
    rove__arena_init(&arena, allocator_of(self->out), ROW_MAX);
    rove_status status = self->store->row_get(self->tx, entity->number, id, 1, &arena, &row);
    int to_do = status == ROVE_OK && is_to_do(self, &row);
    rove_id root = to_do ? row.scope.root : 0;
    rove__arena_free(&arena);
    if (to_do) {
        status = set_number(self, entity, id, field, self->out->to.id, &changed);
    }
    if (status == ROVE_OK && changed > 0) {
        *count += 1;
        status = is_held(self, root, &held);
        self->out->apart += !held;
    }
    return status;
}

static rove_status pass_rest(leaving *self, const ProtobufCMessageDescriptor *message,
                             const char *field, uint64_t *count) {
    const rove__entity *entity =
        rove__registry_by_message(hq_registry(self->out->headquarters), message);
    id_list list = {.leaving = self};
    rove_status status = self->store->row_referring(self->tx, entity->number,
                                                    (size_t)rove__entity_field_named(entity, field),
                                                    self->out->user.id, each_id, &list);
    for (size_t i = 0; i < list.count && status == ROVE_OK; i++) {
        status = pass_one(self, entity, field, list.items[i], count);
    }
    return status;
}

/* What passes to nobody, as dead leads: he holds it no longer. */
static rove_status end_grants(leaving *self) {
    offboard *out = self->out;
    assign_list list;
    assign_list_init(&list, allocator_of(out));
    rove_status status = assign_add_held(out->headquarters, self->tx, out->user.id, &list);
    for (size_t i = 0; i < list.count && status == ROVE_OK; i++) {
        status = need_writer(self);
        if (status == ROVE_OK) {
            status = rove__writer_revoke_grant(self->writer, out->user.id, list.pairs[i].root,
                                               self->error);
            self->rows++;
            out->grants += status == ROVE_OK;
        }
    }
    assign_list_free(&list);
    return status;
}

/* ---- what waits of his ------------------------------------------------------------------------------------ */

static rove_status each_review(void *ctx, const rove__hq_review *review) {
    leaving *self = ctx;
    offboard *out = self->out;
    rove__arena arena;
    rove__hq_row row;
    if (review->user != out->user.id) {
        return ROVE_OK;
    }
    out->reviews++;
    rove__arena_init(&arena, allocator_of(out), ROW_MAX);
    rove_status status =
        self->store->row_get(self->tx, review->entity, review->id, 0, &arena, &row);
    for (size_t i = 0; status == ROVE_OK && i < out->root_count; i++) {
        out->roots[i].reviews += out->roots[i].id == row.scope.root;
    }
    rove__arena_free(&arena);
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

static rove_status count_waiting(leaving *self) {
    uint64_t bytes = 0;
    rove__arena arena;
    rove__arena_init(&arena, allocator_of(self->out), ROW_MAX);
    rove_status status = self->store->review_scan(self->tx, 0, &arena, each_review, self);
    rove__arena_free(&arena);
    return status == ROVE_OK
               ? self->store->parked_load(self->tx, self->out->user.id, &self->out->parked, &bytes)
               : status;
}

/* ---- the whole -------------------------------------------------------------------------------------------- */

static rove_status find_people(leaving *self) {
    offboard *out = self->out;
    rove_status status =
        hq_find_person(out->headquarters, self->tx, out->user_text, &out->user, self->error);
    if (status == ROVE_OK) {
        status = hq_find_person(out->headquarters, self->tx, out->to_text, &out->to, self->error);
    }
    if (status == ROVE_OK && out->user.id == out->to.id) {
        return rove__error_set(self->error, ROVE_INVALID, "USER and --to are the same user.");
    }
    return status == ROVE_OK ? hq_check_receives(&out->to, self->error) : status;
}

static rove_status record(leaving *self) {
    const offboard *out = self->out;
    char detail[DETAIL_MAX];
    rove__text_format(
        detail, sizeof detail,
        "user %lld to user %lld: %zu devices revoked, %zu ordered to wipe, %zu codes closed, %llu "
        "accounts, %llu leads, %llu contacts, %llu tasks, %llu visits%s%.200s",
        (long long)out->user.id, (long long)out->to.id, out->device_count, out->wipes, out->codes,
        (unsigned long long)out->count.accounts, (unsigned long long)out->count.leads,
        (unsigned long long)out->count.contacts, (unsigned long long)out->count.tasks,
        (unsigned long long)out->count.visits, out->note == NULL ? "" : ": ",
        out->note == NULL ? "" : out->note);
    return hq_record(out->headquarters, self->tx, out->io, "offboard", detail, self->seq);
}

static rove_status do_all(leaving *self) {
    offboard *out = self->out;
    rove_status status = find_people(self);
    if (status == ROVE_OK) {
        status = revoke_devices(self);
    }
    if (status == ROVE_OK) {
        status = close_codes(self);
    }
    if (status == ROVE_OK) {
        status = say_left(self);
    }
    if (status == ROVE_OK) {
        status = pass_roots(self);
    }
    if (status == ROVE_OK) {
        status = pass_rest(self, &rove__task__descriptor, "assigned_to_id", &out->count.tasks);
    }
    if (status == ROVE_OK) {
        status = pass_rest(self, &rove__visit__descriptor, "visitor_id", &out->count.visits);
    }
    if (status == ROVE_OK) {
        status = end_grants(self);
    }
    if (status == ROVE_OK) {
        status = end_writer(self);
    }
    if (status == ROVE_OK) {
        status = count_waiting(self);
    }
    return status == ROVE_OK && offboard_did(out) ? record(self) : status;
}

static rove_status attempt(void *ctx, rove__hq_tx *tx, rove_error *error) {
    offboard *out = ctx;
    leaving self = {
        .out = out, .tx = tx, .error = error, .store = &hq_database(out->headquarters)->store};
    forget(out); /* it may be tried again */
    rove__arena_init(&self.arena, allocator_of(out), ARENA_MAX);
    rove_status status = do_all(&self);
    if (self.writer != NULL) {
        rove__writer_abandon(self.writer);
    }
    rove__arena_free(&self.arena);
    return status == ROVE_OK && out->dry_run ? ROVE_CANCELLED : status;
}

rove_status offboard_run(offboard *self, rove_error *error) {
    rove_status status = hq_commit(self->headquarters, attempt, self, error);
    if (status == ROVE_CANCELLED && self->dry_run) {
        return ROVE_OK;
    }
    for (size_t i = 0; status == ROVE_OK && i < self->device_count; i++) {
        wake_device(hq_get_wake(self->headquarters), self->user.id, self->devices[i].replica);
    }
    return status;
}
