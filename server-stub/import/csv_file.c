/*
 * import/csv_file.c - see csv_file.h. libcsv splits records, one line of the file at a time.
 */
#include "import/csv_file.h"

#include <csv.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

typedef struct span {
    size_t start; /* in `bytes` of the file */
    size_t size;
} span;

struct csv_file {
    const rove_allocator *allocator;
    const char *data;
    size_t size;
    csv_position next;  /* where reading goes on */
    csv_position after; /* the line behind the first of the record just read */
    char delimiter;
    struct csv_parser parser;
    int parsing;     /* the parser is initialised */
    rove__buf bytes; /* of the fields of one record */
    span spans[CSV_FIELDS_MAX];
    csv_field fields[CSV_FIELDS_MAX];
    size_t count; /* counts on past CSV_FIELDS_MAX */
    int complete;
};

/* Spaces are part of a field. */
static int no_space(unsigned char c) {
    (void)c;
    return 0;
}

static void take_field(void *bytes, size_t size, void *ctx) {
    csv_file *file = ctx;

    if (file->count < CSV_FIELDS_MAX) {
        file->spans[file->count] = (span){file->bytes.size, size};
        rove__buf_append(&file->bytes, bytes, size);
    }
    file->count++;
}

static void take_record(int c, void *ctx) {
    csv_file *file = ctx;

    (void)c;
    file->complete = 1;
}

static void parser_stop(csv_file *file) {
    if (file->parsing) {
        csv_free(&file->parser);
        file->parsing = 0;
    }
}

static rove_status parser_start(csv_file *file) {
    parser_stop(file);
    if (csv_init(&file->parser, CSV_STRICT | CSV_STRICT_FINI) != 0) {
        return ROVE_NOMEM;
    }
    file->parsing = 1;
    csv_set_delim(&file->parser, (unsigned char)file->delimiter);
    csv_set_space_func(&file->parser, no_space);
    rove__buf_reset(&file->bytes);
    file->count = 0;
    file->complete = 0;
    return ROVE_OK;
}

static char sniff(const char *data, size_t size) {
    static const char candidates[] = {',', ';', '\t'};
    size_t counts[sizeof candidates] = {0};
    size_t best = 0;
    int quoted = 0;

    for (size_t i = 0; i < size && (quoted || (data[i] != '\n' && data[i] != '\r')); i++) {
        quoted ^= data[i] == '"';
        for (size_t k = 0; k < sizeof candidates; k++) {
            counts[k] += !quoted && data[i] == candidates[k];
        }
    }
    for (size_t k = 1; k < sizeof candidates; k++) {
        best = counts[k] > counts[best] ? k : best;
    }
    return candidates[best];
}

rove_status csv_file_open(const rove_allocator *allocator, const char *bytes, size_t size,
                          csv_file **out, rove_error *error) {
    const unsigned char *mark = (const unsigned char *)bytes;
    size_t skip = size >= 3 && mark[0] == 0xef && mark[1] == 0xbb && mark[2] == 0xbf ? 3 : 0;

    *out = NULL;
    if (size >= 2 &&
        ((mark[0] == 0xff && mark[1] == 0xfe) || (mark[0] == 0xfe && mark[1] == 0xff))) {
        return rove__error_set(error, ROVE_UTF8,
                               "The file is UTF-16. Save it as \"CSV UTF-8\" and try again.");
    }
    csv_file *file = rove__alloc_zeroed(allocator, 1, sizeof *file);
    if (file == NULL) {
        return rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
    }
    file->allocator = allocator;
    file->data = bytes + skip;
    file->size = size - skip;
    file->next = (csv_position){0, 1};
    file->delimiter = sniff(file->data, file->size);
    rove__buf_init(&file->bytes, allocator, CSV_RECORD_MAX);
    *out = file;
    return ROVE_OK;
}

void csv_file_free(csv_file *file) {
    if (file != NULL) {
        parser_stop(file);
        rove__buf_free(&file->bytes);
        rove__free(file->allocator, file);
    }
}

char csv_file_delimiter(const csv_file *file) {
    return file->delimiter;
}

/* The offset behind the line that begins at `from`. */
static size_t line_end(const csv_file *file, size_t from) {
    for (size_t i = from; i < file->size; i++) {
        if (file->data[i] == '\n') {
            return i + 1;
        }
        if (file->data[i] == '\r' && (i + 1 == file->size || file->data[i + 1] != '\n')) {
            return i + 1;
        }
    }
    return file->size;
}

static rove_status broken(csv_file *file, csv_position start, const char *reason,
                          csv_problem *problem) {
    *problem = (csv_problem){start.line, file->count + 1, reason};
    file->next = file->after;
    return ROVE_INVALID;
}

/* Feeds lines until a record is complete, broken, or the file ends. */
static rove_status feed(csv_file *file, csv_position start, csv_problem *problem) {
    while (!file->complete && file->next.offset < file->size) {
        size_t end = line_end(file, file->next.offset);
        size_t size = end - file->next.offset;
        if (end - start.offset > CSV_RECORD_MAX) {
            return broken(file, start,
                          "The record is larger than 4 MiB; perhaps a quote is missing.", problem);
        }
        size_t used = csv_parse(&file->parser, file->data + file->next.offset, size, take_field,
                                take_record, file);
        if (used != size && csv_error(&file->parser) == CSV_ENOMEM) {
            return ROVE_NOMEM;
        }
        if (used != size) {
            return broken(file, start,
                          "A quote stands where none may be; a field with quotes is written in "
                          "quotes, with each quote doubled.",
                          problem);
        }
        file->next = (csv_position){end, file->next.line + 1};
    }
    if (!file->complete && csv_fini(&file->parser, take_field, take_record, file) != 0) {
        return broken(file, start, "A quote is opened and never closed.", problem);
    }
    return ROVE_OK;
}

static void skip_empty_lines(csv_file *file) {
    while (file->next.offset < file->size) {
        size_t end = line_end(file, file->next.offset);
        char c = file->data[file->next.offset];
        if (c != '\n' && c != '\r') {
            return;
        }
        file->next = (csv_position){end, file->next.line + 1};
    }
}

rove_status csv_file_next(csv_file *file, csv_record *record, csv_problem *problem) {
    memset(record, 0, sizeof *record);
    memset(problem, 0, sizeof *problem);
    skip_empty_lines(file);
    csv_position start = file->next;
    if (start.offset >= file->size) {
        return ROVE_DONE;
    }
    file->after = (csv_position){line_end(file, start.offset), start.line + 1};
    rove_status status = parser_start(file);
    if (status == ROVE_OK) {
        status = feed(file, start, problem);
    }
    if (status != ROVE_OK) {
        return status;
    }
    if (rove__buf_status(&file->bytes) != ROVE_OK) {
        return rove__buf_status(&file->bytes);
    }
    if (file->count > CSV_FIELDS_MAX) {
        file->count = CSV_FIELDS_MAX;
        return broken(file, start, "The record has more than 512 columns.", problem);
    }
    for (size_t i = 0; i < file->count; i++) {
        const char *bytes = (const char *)file->bytes.data;
        file->fields[i] = (csv_field){file->spans[i].size == 0 ? "" : bytes + file->spans[i].start,
                                      file->spans[i].size};
    }
    *record = (csv_record){file->fields, file->count, start, file->next.line - start.line};
    return ROVE_OK;
}

void csv_file_retry(csv_file *file) {
    file->next = file->after;
}

void csv_file_seek(csv_file *file, csv_position position) {
    file->next = position;
}
