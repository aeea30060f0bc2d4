/*
 * model/set.c - the three forms of a set's cell (format in set.h).
 */
#include "model/set.h"

#include <string.h>

#include "base/assert.h"

void rove__set_open(rove__set_cursor *cursor, const rove_value *value, rove__set_form empty_as) {
    uint8_t form = 0;

    *cursor = (rove__set_cursor){.form = empty_as};
    rove__reader_init(&cursor->reader, NULL, 0);
    if (value->type == ROVE_NULL) {
        return;
    }
    if (value->type != ROVE_BLOB) {
        rove__reader_fail(&cursor->reader, ROVE_CORRUPT);
        return;
    }
    rove__reader_init(&cursor->reader, value->as.data, value->size);
    form = rove__reader_byte(&cursor->reader);
    cursor->left = (size_t)rove__reader_varint_max(&cursor->reader, ROVE_SET_ELEMENTS_MAX);
    if (form > ROVE_SET_DELTA || (cursor->left == 0 && form != ROVE_SET_DELTA)) {
        rove__reader_fail(&cursor->reader, ROVE_CORRUPT);
        return;
    }
    cursor->form = (rove__set_form)form;
}

static void read_version(rove__reader *reader, rove__version *version) {
    version->stamp = rove__reader_u64(reader);
    version->replica = (rove_replica)rove__reader_varint_max(reader, ROVE_REPLICA_MAX);
    if (version->stamp > ROVE_STAMP_MAX) {
        rove__reader_fail(reader, ROVE_CORRUPT);
    }
}

static int element_sane(const rove_value *value, const rove_value *previous) {
    if (value->type != ROVE_INT && (value->type != ROVE_TEXT || value->size > ROVE_SET_TEXT_MAX)) {
        return 0;
    }
    return previous->type == ROVE_NULL ||
           (previous->type == value->type && rove__value_compare(previous, value) < 0);
}

int rove__set_next(rove__set_cursor *cursor, rove__element *element) {
    rove__reader *reader = &cursor->reader;

    memset(element, 0, sizeof *element);
    if (cursor->left == 0 || rove__reader_status(reader) != ROVE_OK) {
        return 0;
    }
    rove__value_read(reader, &element->value);
    if (!element_sane(&element->value, &cursor->previous)) {
        rove__reader_fail(reader, ROVE_CORRUPT);
    }
    if (cursor->form == ROVE_SET_DELTA) {
        uint8_t action = rove__reader_byte(reader);
        if (action != ROVE_SET_ADD && action != ROVE_SET_REMOVE) {
            rove__reader_fail(reader, ROVE_CORRUPT);
        }
        element->action = (rove__set_action)action;
        element->raw = rove__reader_u64(reader);
        if (element->raw > ROVE_STAMP_MAX) {
            rove__reader_fail(reader, ROVE_CORRUPT);
        }
    }
    if (cursor->form == ROVE_SET_VERSIONED || element->action == ROVE_SET_REMOVE) {
        read_version(reader, &element->version);
    }
    if (rove__reader_status(reader) != ROVE_OK) {
        return 0;
    }
    cursor->previous = element->value;
    cursor->left--;
    return 1;
}

rove_status rove__set_done(const rove__set_cursor *cursor) {
    if (rove__reader_status(&cursor->reader) != ROVE_OK || cursor->left != 0 ||
        rove__reader_left(&cursor->reader) != 0) {
        return ROVE_CORRUPT;
    }
    return ROVE_OK;
}

rove_status rove__set_read(rove__set *set, const rove_value *value, rove__set_form empty_as,
                           rove__arena *arena) {
    rove__set_cursor cursor;

    *set = (rove__set){.form = empty_as};
    rove__set_open(&cursor, value, empty_as);
    set->form = cursor.form;
    /* An element has at least two bytes; a count that cannot be true allocates nothing. */
    if (cursor.left > rove__reader_left(&cursor.reader) / 2) {
        return ROVE_CORRUPT;
    }
    if (cursor.left > 0) {
        set->elements = rove__arena_take(arena, cursor.left * sizeof *set->elements);
        if (set->elements == NULL) {
            return ROVE_NOMEM;
        }
        while (cursor.left > 0 && rove__set_next(&cursor, &set->elements[set->count])) {
            set->count++;
        }
    }
    if (rove__set_done(&cursor) != ROVE_OK) {
        set->count = 0;
        return ROVE_CORRUPT;
    }
    return ROVE_OK;
}

void rove__set_write(rove__buf *buf, const rove__set *set) {
    ROVE_ASSERT(set->count <= ROVE_SET_ELEMENTS_MAX);
    rove__buf_byte(buf, (uint8_t)set->form);
    rove__buf_varint(buf, set->count);
    for (size_t i = 0; i < set->count; i++) {
        const rove__element *element = &set->elements[i];
        ROVE_ASSERT(i == 0 || rove__value_compare(&element[-1].value, &element->value) < 0);
        rove__value_write(buf, &element->value);
        if (set->form == ROVE_SET_DELTA) {
            rove__buf_byte(buf, (uint8_t)element->action);
            rove__buf_u64(buf, element->raw);
        }
        if (set->form == ROVE_SET_VERSIONED ||
            (set->form == ROVE_SET_DELTA && element->action == ROVE_SET_REMOVE)) {
            rove__buf_u64(buf, element->version.stamp);
            rove__buf_varint(buf, element->version.replica);
        }
    }
}

rove_status rove__set_value(const rove__set *set, rove__arena *arena, rove_value *value) {
    rove__buf buf;
    uint8_t *data = NULL;
    rove_status status = ROVE_OK;

    *value = rove__value_null();
    if (set->count == 0 && set->form != ROVE_SET_DELTA) {
        return ROVE_OK;
    }
    if (set->count > ROVE_SET_ELEMENTS_MAX) {
        return ROVE_TOO_BIG;
    }
    rove__buf_init(&buf, arena->allocator, ROVE_VALUE_MAX);
    rove__set_write(&buf, set);
    status = rove__buf_status(&buf);
    if (status != ROVE_OK) {
        goto done;
    }
    data = rove__arena_copy(arena, buf.data, buf.size);
    if (data == NULL) {
        status = ROVE_NOMEM;
        goto done;
    }
    *value = rove__value_bytes(ROVE_BLOB, data, buf.size);
done:
    rove__buf_free(&buf);
    return status;
}

size_t rove__set_find(const rove__set *set, const rove_value *value, int *found) {
    size_t low = 0;
    size_t high = set->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rove__value_compare(&set->elements[middle].value, value) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *found = low < set->count && rove__value_compare(&set->elements[low].value, value) == 0;
    return low;
}
