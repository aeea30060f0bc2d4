/*
 * admin/review.c - rove-hq review: work that came in when its author was no longer entitled to the record, or through the drop
 * box. It waits here, whole, until an operator accepts or returns it.
 */
#include <string.h>

#include "admin/commands.h"
#include "admin/find.h"
#include "admin/organisation.h"
#include "admin/people.h"
#include "admin/record_text.h"
#include "admin/value_text.h"
#include "args.h"
#include "base/text.h"
#include "drop/alone.h"
#include "print.h"
#include "sync/judge.h"
#include "wire/batch.h"

#define ARENA_MAX    ((size_t)4 * 1024 * 1024)
#define DESCRIBE_MAX 256
#define DETAIL_MAX   400

typedef struct reviewing {
    hq *headquarters;
    const hq_io *io;
    rove__hq_tx *tx;
    int64_t number; /* 0: all of them */
    rove__decision decision;
    int digits; /* of the organisation's money */
    rove__buf scratch;
    uint64_t listed;
    json_t *array;
    char record[DESCRIBE_MAX]; /* what was decided about, in words */
} reviewing;

/* ---- who and what --------------------------------------------------------------------------------------- */

/* *name is cut if it is longer. */
static rove_status name_of(const reviewing *self, rove_id user, char name[ROVE_TEXT_MAX]) {
    hq_person person = {.id = 0};
    rove_status status = hq_get_person(self->headquarters, self->tx, user, &person, NULL);

    rove__text_format(name, ROVE_TEXT_MAX, "%s",
                      status == ROVE_OK ? person.name : "(deleted user)");
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

/* The record as it is now; only its name where it is not here. */
static rove_status describe(const reviewing *self, const rove__hq_review *review,
                            char text[DESCRIBE_MAX]) {
    const rove__entity *entity =
        rove__registry_by_number(hq_registry(self->headquarters), review->entity);
    rove__arena arena;
    rove__hq_row row;

    rove__text_format(text, DESCRIBE_MAX, "%s %lld", entity == NULL ? "?" : entity->name,
                      (long long)review->id);
    if (entity == NULL) {
        return ROVE_OK;
    }
    rove__arena_init(&arena, &hq_get_ports(self->headquarters)->allocator, ARENA_MAX);
    rove_status status = hq_database(self->headquarters)
                             ->store.row_get(self->tx, review->entity, review->id, 0, &arena, &row);
    if (status == ROVE_OK) {
        hq_describe(&row.row, 0, text, DESCRIBE_MAX);
    }
    rove__arena_free(&arena);
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

static const char *op_name(rove__op op) {
    switch (op) {
    case ROVE_OP_INSERT:
        return "added";
    case ROVE_OP_DELETE:
        return "deleted";
    case ROVE_OP_SEAL:
        return "sealed";
    case ROVE_OP_WHOLE:
        return "brought back";
    default:
        return "changed";
    }
}

/* ---- list and show -------------------------------------------------------------------------------------- */

/* The fields of the work, one a line; or as the object "fields". */
static void tell_fields(reviewing *self, const rove__change *change, json_t *object) {
    const rove__row *row = &change->row;
    json_t *fields = json_object();

    for (size_t i = 0; row->entity != NULL && i < row->cell_count; i++) {
        const rove__field *field = &row->entity->fields[i];
        int digits = record_money_digits(row, self->digits);
        if (change->op == ROVE_OP_DELETE || !rove__bits_get(&row->present, i)) {
            continue;
        }
        if (self->io->json) {
            (void)json_object_set_new(
                fields, field->name,
                record_value_json(field, digits, &row->cells[i], &self->scratch));
            continue;
        }
        rove__buf_reset(&self->scratch);
        value_text_print(field, digits, &row->cells[i], &self->scratch);
        hq_print(self->io, "    %-22s %.*s\n", field->name, (int)self->scratch.size,
                 (const char *)self->scratch.data);
    }
    if (self->io->json) {
        (void)json_object_set_new(object, "what", json_string(op_name(change->op)));
        (void)json_object_set_new(object, "fields", json_incref(fields));
    }
    json_decref(fields);
}

/* Of what was written on a locked device: by which, when, and how that is known. */
static rove_status tell_note(const reviewing *self, int64_t number, json_t *object) {
    rove__arena arena;
    rove__sealed_note note;
    const char *suspect = NULL;
    char when[ROVE_TIME_TEXT_SIZE];

    rove__arena_init(&arena, &hq_get_ports(self->headquarters)->allocator, ARENA_MAX);
    rove_status status = alone_note(self->headquarters, self->tx, number, &arena, &note);
    if (status == ROVE_OK) {
        int64_t written_ms = alone_written_ms(&note, &suspect);
        rove__time_format(written_ms > 0 ? written_ms : 0, when);
        if (self->io->json) {
            (void)json_object_set_new(object, "written",
                                      json_pack("{s:s, s:o, s:o, s:I, s:s?}", "at", when,
                                                "device_clock", hq_json_time(note.at.wall_ms),
                                                "last_contact", hq_json_time(note.anchor.server_ms),
                                                "note", (json_int_t)note.ordinal, "suspect",
                                                suspect));
        } else {
            hq_print(self->io, "  written %s on device %u, its note %llu; %s\n", when,
                     (unsigned)note.replica, (unsigned long long)note.ordinal,
                     suspect == NULL ? "by headquarters' time" : suspect);
        }
    }
    rove__arena_free(&arena);
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

/* Decodes the work; `object` is NULL without --json. */
static rove_status tell_work(reviewing *self, const rove__hq_review *review, json_t *object) {
    rove__batch_reader *reader = NULL;
    rove__change change;
    rove_status status = tell_note(self, review->number, object);

    if (status == ROVE_OK) {
        status = rove__batch_reader_new(&hq_get_ports(self->headquarters)->allocator,
                                        hq_registry(self->headquarters), review->change.data,
                                        review->change.size, &reader);
    }
    while (status == ROVE_OK) {
        status = rove__batch_next(reader, &change);
        if (status == ROVE_OK) {
            if (!self->io->json) {
                hq_print(self->io, "  %s\n", op_name(change.op));
            }
            tell_fields(self, &change, object);
        }
    }
    rove__batch_reader_free(reader);
    return status == ROVE_DONE ? ROVE_OK : status;
}

static rove_status each_review(void *ctx, const rove__hq_review *review) {
    reviewing *self = ctx;
    char name[ROVE_TEXT_MAX];
    char record[DESCRIBE_MAX];
    char id[24];

    if (self->number != 0 && review->number != self->number) {
        return ROVE_OK;
    }
    rove_status status = name_of(self, review->user, name);
    if (status == ROVE_OK) {
        status = describe(self, review, record);
    }
    if (status != ROVE_OK) {
        return status;
    }
    self->listed++;
    if (!self->io->json) {
        hq_print(self->io, "%6lld  %-20s %-40s %s\n", (long long)review->number, name, record,
                 review->reason);
        return self->number != 0 ? tell_work(self, review, NULL) : ROVE_OK;
    }
    const rove__entity *entity =
        rove__registry_by_number(hq_registry(self->headquarters), review->entity);
    rove__text_format(id, sizeof id, "%lld", (long long)review->id);
    json_t *object = json_pack(
        "{s:I, s:s, s:s, s:s, s:s, s:I, s:s, s:I}", "number", (json_int_t)review->number, "entity",
        entity == NULL ? "?" : entity->name, "id", id, "record", record, "by", name, "replica",
        (json_int_t)review->replica, "reason", review->reason, "seq", (json_int_t)review->seq);
    status = self->number != 0 ? tell_work(self, review, object) : ROVE_OK;
    return json_array_append_new(self->array, object) == 0 ? status : ROVE_NOMEM;
}

static rove_status scan(void *ctx, rove__hq_tx *tx, rove_error *error) {
    reviewing *self = ctx;
    rove__arena arena;

    (void)error;
    self->tx = tx;
    rove__arena_init(&arena, &hq_get_ports(self->headquarters)->allocator, ARENA_MAX);
    rove_status status =
        hq_database(self->headquarters)->store.review_scan(tx, 0, &arena, each_review, self);
    rove__arena_free(&arena);
    return status;
}

static int print_found(reviewing *self) {
    if (self->io->json && self->number != 0) {
        json_t *one = json_incref(json_array_get(self->array, 0));
        return hq_print_json(self->io, one);
    }
    if (self->io->json) {
        return hq_print_json(self->io, json_incref(self->array));
    }
    if (self->listed == 0) {
        hq_complain(self->io, "Nothing waits for review.\n");
    }
    return HQ_EXIT_DONE;
}

static int run_list(reviewing *self) {
    rove_error error = {.code = 0};
    char currency[4];
    int result = HQ_EXIT_DONE;

    self->array = json_array();
    rove__buf_init(&self->scratch, &hq_get_ports(self->headquarters)->allocator, RECORD_TEXT_MAX);
    rove_status status = hq_currency(self->headquarters, currency, &error);
    self->digits = value_text_money_digits(currency, strlen(currency));
    if (status == ROVE_OK) {
        status = hq_read(self->headquarters, scan, self, &error);
    }
    if (status == ROVE_OK && self->number != 0 && self->listed == 0) {
        status = rove__error_set(&error, ROVE_NOT_FOUND,
                                 "Nothing with the number %lld waits for review.",
                                 (long long)self->number);
    }
    result = status == ROVE_OK ? print_found(self) : hq_failed(self->io, status, &error);
    json_decref(self->array);
    rove__buf_free(&self->scratch);
    return result;
}

/* ---- decide --------------------------------------------------------------------------------------------- */

static rove_status each_named(void *ctx, const rove__hq_review *review) {
    reviewing *self = ctx;

    return review->number != self->number ? ROVE_OK : describe(self, review, self->record);
}

/* What it is about, before it is decided. */
static rove_status name_it(reviewing *self, rove__hq_tx *tx) {
    rove__arena arena;

    self->tx = tx;
    rove__arena_init(&arena, &hq_get_ports(self->headquarters)->allocator, ARENA_MAX);
    rove_status status =
        hq_database(self->headquarters)->store.review_scan(tx, 0, &arena, each_named, self);
    rove__arena_free(&arena);
    return status;
}

static rove_status decide(void *ctx, rove__hq_tx *tx, rove_error *error) {
    reviewing *self = ctx;
    rove__server_ports ports = hq_server_ports(self->headquarters);
    char detail[DETAIL_MAX];
    uint64_t seq = 0;
    rove_status status = name_it(self, tx);

    if (status == ROVE_OK) {
        status = rove__judge_decide(&ports, tx, self->number, &self->decision, &seq, error);
    }
    if (status == ROVE_NOT_FOUND && self->record[0] == '\0') {
        return rove__error_set(error, status, "Nothing with the number %lld waits for review.",
                               (long long)self->number);
    }
    if (status != ROVE_OK) {
        return status;
    }
    rove__text_format(detail, sizeof detail, "%s %lld: %s",
                      self->decision.accepted ? "accepted" : "returned", (long long)self->number,
                      self->record);
    return hq_record(self->headquarters, tx, self->io, "review", detail, seq);
}

static int run_decide(reviewing *self) {
    const char *done = self->decision.accepted ? "accepted" : "returned";
    rove_error error = {.code = 0};

    self->decision.operator_name = self->io->operator_name;
    self->decision.now_ms = hq_now_ms(self->headquarters);
    rove_status status = hq_commit(self->headquarters, decide, self, &error);
    if (status != ROVE_OK) {
        return hq_failed(self->io, status, &error);
    }
    if (self->io->json) {
        return hq_print_json(self->io,
                             json_pack("{s:I, s:s, s:s}", "number", (json_int_t)self->number,
                                       "record", self->record, "decision", done));
    }
    hq_print(self->io, "%s: %s\n", self->record, done);
    return HQ_EXIT_DONE;
}

/* ---- the command ---------------------------------------------------------------------------------------- */

static int run_review(hq *headquarters, const hq_io *io, int argc, char **argv) {
    reviewing self = {.headquarters = headquarters, .io = io, .decision = {.note = ""}};
    const hq_option table[] = {{"--note", &self.decision.note, NULL}, {NULL, NULL, NULL}};
    int count = 0;
    int result = hq_arguments(io, &hq_command_review, table, argc, argv, 0, 2, &count);

    if (result != HQ_EXIT_DONE) {
        return result;
    }
    if (count == 0 || (count == 1 && strcmp(argv[1], "list") == 0)) {
        return run_list(&self);
    }
    int shows = strcmp(argv[1], "show") == 0;
    self.decision.accepted = strcmp(argv[1], "accept") == 0;
    if (count != 2 || (!shows && !self.decision.accepted && strcmp(argv[1], "return") != 0) ||
        !hq_number(argv[2], 1, INT64_MAX, &self.number)) {
        return hq_usage(io, &hq_command_review,
                        "list, or show, accept or return with a NUMBER of the list");
    }
    return shows ? run_list(&self) : run_decide(&self);
}

const hq_command hq_command_review = {
    .name = "review",
    .usage = "[list] | show NUMBER | accept NUMBER [--note TEXT] | return NUMBER [--note TEXT]",
    .summary = "decide on work whose author was no longer entitled to the record",
    .help =
        "A rep who works without a network may lose a record meanwhile. What he changed in it "
        "afterwards\n"
        "waits here, whole, and he is told so. accept takes it as if he had been entitled, with "
        "the usual\n"
        "rules where others changed the same field; return leaves the record as it is and gives "
        "the work\n"
        "back to him, with your note: he can put it right and try again, or give it up.\n\n"
        "Here is also what came sealed from devices that were locked, revoked or wiped (the drop "
        "box): a\n"
        "visit or call that was written on a locked device is a new record, and show says when it "
        "was\n"
        "written and how that is known; accept gives it a number.\n\n"
        "    rove-hq review\n"
        "    rove-hq review show 3\n"
        "    rove-hq review accept 3\n"
        "    rove-hq review return 4 --note 'The account is Pamela'\\''s now; tell her.'\n",
    .run = run_review};
