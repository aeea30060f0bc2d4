/*
 * fuzz_import.c - whatever file an operator imports, a dry run of it ends with a report: each line is counted or refused
 * with a reason, and headquarters is as it was before.
 *
 *   input = options:byte file       options % 9: what is said to be in it (0: nothing is said); 128: the report is JSON
 */
#include "headquarters.h"

#include <jansson.h>

#include "admin/commands.h"
#include "fuzz.h"
#include "import/import.h"

const size_t fuzz_mutations = 300;

static headquarters h;

static int run(char **argv, int argc, said *s, int json) {
    hq_io io = said_io(s);

    io.directory = h.folder;
    io.json = json;
    return hq_command_import.run(h.hq, &io, argc, argv);
}

static void import_demo(const char *name) {
    char path[256];
    char command[] = "import";
    char *argv[] = {command, path};
    size_t size = 0;
    said s;

    snprintf(path, sizeof path, "demo/adventureworks/%s.csv", name);
    char *bytes = fuzz_load_source(path, &size);
    if (size > 3000) {
        size = 3000;
        while (size > 0 && bytes[size - 1] != '\n') {
            size--;
        }
    }
    snprintf(path, sizeof path, "%s/%s.csv", h.folder, name);
    fuzz_store(path, bytes, size);
    free(bytes);
    snprintf(path, sizeof path, "%s.csv", name);
    int code = run(argv, 2, &s, 0);
    fuzz_check(code == HQ_EXIT_DONE || code == HQ_EXIT_PART);
}

static void finish(void) {
    headquarters_end(&h);
}

/* A headquarters with some of the demo's records. */
static void begin(void) {
    headquarters_start(&h);
    fuzz_check(atexit(finish) == 0);
    import_demo("territories");
    import_demo("users");
    import_demo("accounts");
    import_demo("contacts");
}

static uint64_t head(void) {
    rove__hq_tx *tx = NULL;
    rove__hq_head read;
    const rove__hq_store *store = &hq_database(h.hq)->store;

    fuzz_check(store->begin(store->ctx, ROVE_HQ_READ, &tx, NULL) == ROVE_OK);
    fuzz_check(store->head_get(tx, &read) == ROVE_OK);
    store->rollback(tx);
    return read.seq;
}

/* inserted, updated, unchanged and refused are the lines; but a refused line may have been counted for what it refers to. */
static void adds_up(const char *text) {
    json_t *document = json_loads(text, 0, NULL);
    json_t *file = json_array_get(json_object_get(document, "files"), 0);
    json_t *tally = json_object_get(json_object_get(file, "entities"),
                                    json_string_value(json_object_get(file, "entity")));
    json_int_t lines = json_integer_value(json_object_get(file, "lines"));
    json_int_t counted = json_integer_value(json_object_get(tally, "inserted")) +
                         json_integer_value(json_object_get(tally, "updated")) +
                         json_integer_value(json_object_get(tally, "unchanged"));
    size_t refused = json_array_size(json_object_get(file, "refused"));

    fuzz_check(document != NULL && file != NULL && tally != NULL);
    fuzz_check(counted <= lines && counted + (json_int_t)refused >= lines);
    json_decref(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const entities[] = {"",         "Territory", "User", "TerritoryAssignment",
                                           "Account",  "Contact",   "Lead", "Product",
                                           "PriceItem"};
    static said s;
    char command[] = "import", dry[] = "--dry-run", option[] = "--entity", file[] = "leads.csv";
    char entity[32];
    char path[128];
    fuzz_input in = {data, size};

    if (h.hq == NULL) {
        begin();
    }
    uint8_t options = fuzz_byte(&in);
    snprintf(entity, sizeof entity, "%s", entities[options % 9]);
    char *argv[] = {command, dry, file, option, entity};
    snprintf(path, sizeof path, "%s/leads.csv", h.folder);
    fuzz_store(path, in.at, in.left);
    uint64_t before = head();
    int code = run(argv, options % 9 == 0 ? 3 : 5, &s, options & 128 ? 1 : 0);
    fuzz_check(code == HQ_EXIT_DONE || code == HQ_EXIT_PART || code == HQ_EXIT_USAGE);
    fuzz_check(code == HQ_EXIT_DONE || s.err_size > 0 || s.out_size > 0);
    fuzz_check(head() == before);
    if (code != HQ_EXIT_USAGE && (options & 128) && s.out_size + 1 < sizeof s.out) {
        adds_up(s.out);
    }
    return 0;
}

/* ---- seeds ---- */

static void give_file(const fuzz_seed *to, const char *name, uint8_t options) {
    size_t size = 0;
    char path[256];

    snprintf(path, sizeof path, "demo/adventureworks/%s.csv", name);
    char *bytes = fuzz_load_source(path, &size);
    fuzz_give_kind(to, options, bytes, size < 900 ? size : 900);
    free(bytes);
}

void fuzz_seeds(const fuzz_seed *to) {
    static const char *const texts[] = {
        "Id,Name,Parent Account\n1,A,2\n2,B,1\n3,C,9\n",
        "Id,FirstName,LastName,Email,Phone,Account\n9,A,B,a@b.c,+49 30 1,1\n9,A,C,,,\n",
        "Id,Name,Square Feet__c,Opened__c\n1,A,1.5,2026-01-31\n2,B,x,\n",
        "Id,Name\n1,\"offen\n2,B\n"};

    give_file(to, "territories", 129);
    give_file(to, "users", 130);
    give_file(to, "accounts", 132);
    give_file(to, "contacts", 128 + 5);
    give_file(to, "leads", 128);
    give_file(to, "products", 7);
    give_file(to, "price_history", 128);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        fuzz_give_kind(to, i == 1 ? 128 + 5 : 128 + 4, texts[i], strlen(texts[i]));
    }
}
