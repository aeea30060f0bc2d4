/*
 * fuzz_csv.c - whatever an operator hands over as CSV is read to its end: each step goes on, every record lies within the
 * file, one bad line costs one line, and the header is understood or refused with a sentence.
 *
 *   input = file      read as it is; its first record also as a header, and all of it as a map of columns
 */
#include "fuzz.h"

#include "import/csv_file.h"
#include "import/mapping.h"

const size_t fuzz_mutations = 3000;

static const char *const entities[] = {"Territory", "User",     "TerritoryAssignment",
                                       "Account",   "Contact",  "Lead",
                                       "Product",   "PriceItem"};

static const rove__registry *registry(void) {
    static rove__registry *made;
    static heap kept;
    static rove_allocator allocator;

    if (made == NULL) {
        allocator = heap_allocator(&kept);
        fuzz_check(rove__registry_new(&allocator, &made) == ROVE_OK);
    }
    return made;
}

static void try_map(const rove__entity *entity, const csv_record *header, const char *map,
                    const rove_allocator *allocator) {
    rove__arena arena;
    mapping made;
    rove_error error = {.message = ""};

    rove__arena_init(&arena, allocator, (size_t)64 << 20);
    rove_status status =
        mapping_make(registry(), header, "leads.csv", entity, map, &arena, &made, &error);
    fuzz_check(status == ROVE_OK || (status == ROVE_INVALID && error.message[0] != '\0'));
    if (status == ROVE_OK) {
        fuzz_check(made.count == header->count && made.key < (int)made.count);
        for (size_t i = 0; i < made.count; i++) {
            fuzz_check(made.columns[i].ordinal < (int)made.entity->field_count);
        }
    }
    rove__arena_free(&arena);
}

/* The first record as a header, and the text itself as a map of it. */
static void try_header(const csv_record *header, const uint8_t *data, size_t size,
                       const rove_allocator *allocator) {
    char *map = malloc(size + 1);

    fuzz_check(map != NULL);
    memcpy(map, data, size);
    map[size] = '\0';
    try_map(NULL, header, NULL, allocator);
    const char *name = entities[size % (sizeof entities / sizeof *entities)];
    const rove__entity *entity = mapping_entity(registry(), name);
    fuzz_check(entity != NULL);
    try_map(entity, header, strchr(map, '=') != NULL ? map : NULL, allocator);
    free(map);
}

static size_t lines_in(const uint8_t *data, size_t size) {
    size_t lines = 1;

    for (size_t i = 0; i < size; i++) {
        lines += data[i] == '\n' || data[i] == '\r';
    }
    return lines;
}

static void try_file(const uint8_t *data, size_t size, const rove_allocator *allocator) {
    csv_file *file = NULL;
    csv_record record;
    csv_problem problem;
    size_t steps = 0;
    size_t behind = 0;
    rove_status status = csv_file_open(allocator, (const char *)data, size, &file, NULL);

    fuzz_check(status == ROVE_OK || status == ROVE_UTF8);
    while (status == ROVE_OK || status == ROVE_INVALID) {
        fuzz_check(steps++ <= lines_in(data, size));
        status = csv_file_next(file, &record, &problem);
        if (status == ROVE_INVALID) {
            fuzz_check(problem.line >= 1 && problem.reason != NULL);
        } else if (status == ROVE_OK) {
            fuzz_check(record.at.offset >= behind && record.at.offset < size && record.lines >= 1);
            fuzz_check(record.count >= 1 && record.count <= CSV_FIELDS_MAX);
            behind = record.at.offset + 1;
            for (size_t i = 0; i < record.count; i++) {
                fuzz_check(record.fields[i].size <= size);
            }
            if (steps == 1) {
                try_header(&record, data, size, allocator);
            }
        }
    }
    fuzz_check(status == ROVE_DONE || file == NULL);
    csv_file_free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    heap memory = {0};
    rove_allocator allocator = heap_allocator(&memory);

    try_file(data, size, &allocator);
    fuzz_check(memory.alive == 0);
    return 0;
}

/* ---- seeds ---- */

static void give_file(const fuzz_seed *to, const char *name) {
    size_t size = 0;
    char path[256];

    snprintf(path, sizeof path, "demo/adventureworks/%s.csv", name);
    char *bytes = fuzz_load_source(path, &size);
    to->give(to, bytes, size < 1200 ? size : 1200);
    free(bytes);
}

void fuzz_seeds(const fuzz_seed *to) {
    static const char *const files[] = {"accounts", "contacts", "leads",         "products",
                                        "users",    "states",   "price_history", "territories"};
    static const char *const texts[] = {
        "",
        "Id,Name\n1,\"a \"\"quoted\"\" name\"\n",
        "\xef\xbb\xbfId;Name;Ort=-\r\n1;\"zwei\r\nZeilen\";x\r\n\r\n2;\"offen\r\n3;y;z\r\n",
        "Kunde=name,Nr=external_id\tx\n1\t2\n",
        "Id\rName\r",
        "Id,Square Feet__c,FirstName,LastName,Email,Account\n9,1.5,A,B,a@b.c,7\n"};

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        give_file(to, files[i]);
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        to->give(to, texts[i], strlen(texts[i]));
    }
}
