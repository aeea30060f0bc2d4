/*
 * The registry: entities.proto and traits.def agree, every field has its limits, and custom fields become
 * fields like any other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "heap.h"
#include "model/row.h"
#include "model/set.h"
#include "rove/entities.pb-c.h"

static heap memory;
static rove_allocator allocator;
static rove__registry *registry;

static int setup(void **state) {
    (void)state;
    memory = (heap){0};
    allocator = heap_allocator(&memory);
    return rove__registry_new(&allocator, &registry) == ROVE_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    rove__registry_free(registry);
    assert_int_equal(memory.alive, 0);
    return 0;
}

static const rove__entity *entity_of(const char *name) {
    const rove__entity *entity = rove__registry_by_name(registry, name);

    assert_non_null(entity);
    return entity;
}

static const rove__field *field_of(const char *entity, const char *name) {
    int ordinal = rove__entity_field_named(entity_of(entity), name);

    assert_true(ordinal >= 0);
    return &entity_of(entity)->fields[ordinal];
}

static void check_limits(const rove__field *field) {
    switch (field->type) {
    case ROVE_INT:
        assert_true(field->min < field->max);
        break;
    case ROVE_TEXT:
    case ROVE_BLOB:
        assert_true(field->min >= 0 && field->min <= field->max && field->max > 0);
        assert_true(field->max <= ROVE_VALUE_MAX);
        break;
    default:
        fail_msg("%s has a type that no built-in field may have", field->name);
    }
    if (field->kind == ROVE_KIND_SET) {
        assert_true(field->min == 0 && field->max <= ROVE_SET_ELEMENTS_MAX);
        assert_true(field->element == ROVE_INT || field->element == ROVE_TEXT);
    }
}

static void check_type(const rove__field *field) {
    const ProtobufCFieldDescriptor *descriptor = field->descriptor;

    assert_int_not_equal(descriptor->type, PROTOBUF_C_TYPE_DOUBLE);
    assert_int_not_equal(descriptor->type, PROTOBUF_C_TYPE_FLOAT);
    assert_int_not_equal(descriptor->label, PROTOBUF_C_LABEL_REQUIRED);
    assert_int_equal(descriptor->label == PROTOBUF_C_LABEL_REPEATED, field->kind == ROVE_KIND_SET);
    assert_int_equal((field->flags & ROVE_FIELD_BOOLEAN) != 0,
                     descriptor->type == PROTOBUF_C_TYPE_BOOL);
    if (descriptor->type == PROTOBUF_C_TYPE_INT32 || descriptor->type == PROTOBUF_C_TYPE_SINT32) {
        assert_true(field->min >= INT32_MIN && field->max <= INT32_MAX);
    }
    if (field->flags & (ROVE_FIELD_MONEY | ROVE_FIELD_INSTANT)) {
        assert_int_equal(descriptor->type, PROTOBUF_C_TYPE_INT64);
    }
    if (field->enumeration != NULL) {
        for (unsigned i = 0; i < field->enumeration->n_values; i++) {
            assert_true(field->enumeration->values[i].value >= field->min);
            assert_true(field->enumeration->values[i].value <= field->max);
        }
    }
}

static void check_reference(const rove__field *field) {
    size_t length = strlen(field->name);
    int named_so = length > 3 && strcmp(field->name + length - 3, "_id") == 0;

    if (field->target != 0 && field->target != ROVE_TARGET_ROOT) {
        assert_non_null(rove__registry_by_number(registry, field->target));
    }
    if (named_so && field->type == ROVE_INT && strcmp(field->name, "record_id") != 0) {
        assert_int_not_equal(field->target, 0);
    }
}

static void every_field_has_limits_a_type_and_a_target(void **state) {
    (void)state;
    assert_true(rove__registry_count(registry) >= 21);
    for (size_t i = 0; i < rove__registry_count(registry); i++) {
        const rove__entity *entity = rove__registry_at(registry, i);
        assert_true(entity->field_count > 0 && entity->field_count <= ROVE_FIELDS_MAX);
        for (size_t k = 0; k < entity->field_count; k++) {
            const rove__field *field = &entity->fields[k];
            check_limits(field);
            check_type(field);
            check_reference(field);
            assert_int_equal(rove__entity_field(entity, field->number), k);
            assert_int_equal(rove__entity_field_named(entity, field->name), k);
        }
    }
}

static void every_entity_has_a_scope(void **state) {
    (void)state;
    for (size_t i = 0; i < rove__registry_count(registry); i++) {
        const rove__entity *entity = rove__registry_at(registry, i);
        if (entity->scope == ROVE_SCOPE_FIELD || entity->scope == ROVE_SCOPE_PARENT) {
            const rove__field *field = &entity->fields[entity->scope_field];
            assert_true(field->target != 0 && field->type == ROVE_INT);
        } else {
            assert_int_equal(entity->scope_field, -1);
        }
        if (entity->part_field >= 0) {
            assert_true(entity->fields[entity->part_field].flags & ROVE_FIELD_INSTANT);
        }
        assert_int_equal(entity->writer == ROVE_WRITER_HQ,
                         (entity->flags & ROVE_ENTITY_HQ_ONLY) != 0);
    }
}

static void numbers_ascend_and_name_one_thing(void **state) {
    (void)state;
    for (size_t i = 0; i < rove__registry_count(registry); i++) {
        const rove__entity *entity = rove__registry_at(registry, i);
        if (i > 0) {
            assert_true(rove__registry_at(registry, i - 1)->number < entity->number);
        }
        assert_ptr_equal(rove__registry_by_number(registry, entity->number), entity);
        assert_ptr_equal(rove__registry_by_name(registry, entity->name), entity);
        assert_ptr_equal(rove__registry_by_name(registry, entity->table), entity);
        assert_ptr_equal(rove__registry_by_message(registry, entity->message), entity);
        for (size_t k = 1; k < entity->field_count; k++) {
            assert_true(entity->fields[entity->by_number->ordinals[k - 1]].number <
                        entity->fields[entity->by_number->ordinals[k]].number);
        }
    }
    assert_null(rove__registry_by_number(registry, 0));
    assert_null(rove__registry_by_number(registry, 999));
    assert_null(rove__registry_by_name(registry, "Nothing"));
    assert_null(rove__registry_by_message(registry, &rove__address__descriptor));
    assert_int_equal(rove__entity_field(entity_of("Visit"), 999), -1);
    assert_int_equal(rove__entity_field_named(entity_of("Visit"), "id"), -1);
}

static void a_visit_is_as_the_rules_need_it(void **state) {
    const rove__entity *visit = entity_of("visit");

    (void)state;
    assert_int_equal(visit->number, 13);
    assert_int_equal(visit->scope, ROVE_SCOPE_FIELD);
    assert_string_equal(visit->fields[visit->scope_field].name, "account_id");
    assert_string_equal(visit->fields[visit->part_field].name, "planned_start");
    assert_string_equal(visit->fields[visit->seal_field].name, "sealed_at");
    assert_int_equal(visit->index_count, 1);
    assert_string_equal(visit->indexes[0].name, "visit_by_account_planned_start");
    assert_int_equal(visit->indexes[0].fields[0], visit->scope_field);
    assert_int_equal(visit->indexes[0].fields[1], visit->part_field);
    assert_int_equal(visit->indexes[0].fields[2], -1);
    assert_int_equal(field_of("Visit", "status")->kind, ROVE_KIND_RANK);
    assert_int_equal(field_of("Visit", "contact_ids")->element, ROVE_INT);
    assert_int_equal(field_of("Account", "points")->kind, ROVE_KIND_COUNTER);
    assert_int_equal(field_of("Account", "alt_names")->element, ROVE_TEXT);
    assert_int_equal(field_of("Account", "owner_id")->writer, ROVE_WRITER_HQ);
    assert_true(entity_of("Note")->flags & ROVE_ENTITY_APPEND_ONLY);
    assert_int_equal(entity_of("Task")->fields[entity_of("Task")->scope_field].target,
                     ROVE_TARGET_ROOT);
}

static void a_nested_message_is_flattened(void **state) {
    const rove__field *city = field_of("Account", "billing_city");

    (void)state;
    assert_int_equal(city->number, 14 << 16 | 2);
    assert_int_equal(city->outer->id, 14);
    assert_int_equal(city->descriptor->id, 2);
    assert_int_equal(field_of("Account", "shipping_city")->number, 15 << 16 | 2);
    assert_true(field_of("Account", "billing_latitude")->flags & ROVE_FIELD_DEGREES_E7);
}

static void enumerations_have_names(void **state) {
    const rove__field *status = field_of("Visit", "status");
    int64_t value = 7;

    (void)state;
    assert_string_equal(rove__field_enum_name(status, 2), "IN_PROGRESS");
    assert_null(rove__field_enum_name(status, 0));
    assert_null(rove__field_enum_name(status, INT64_MAX));
    assert_null(rove__field_enum_name(status, (int64_t)UINT32_MAX + 3));
    assert_null(rove__field_enum_name(field_of("Visit", "notes"), 1));
    assert_int_equal(rove__field_enum_value(status, "COMPLETED", &value), ROVE_OK);
    assert_int_equal(value, 5);
    assert_int_equal(rove__field_enum_value(status, "completed", &value), ROVE_NOT_FOUND);
    assert_int_equal(rove__field_enum_value(field_of("Visit", "notes"), "COMPLETED", &value),
                     ROVE_NOT_FOUND);
}

static rove__custom custom_field(void) {
    rove__custom custom = {.entity = 6,
                           .number = 1000,
                           .name = "square_feet",
                           .type = ROVE_INT,
                           .min = 0,
                           .max = 1000000};

    return custom;
}

static void a_custom_field_joins_its_entity(void **state) {
    const rove__entity *account = entity_of("Account");
    size_t before = account->field_count;
    int city = rove__entity_field_named(account, "billing_city");
    rove__custom custom = custom_field();
    rove_error error;

    (void)state;
    custom.number = 1001;
    assert_int_equal(rove__registry_add_custom(registry, &custom, &error), ROVE_OK);
    custom.number = 1000;
    custom.name = "specialty";
    custom.type = ROVE_TEXT;
    custom.max = 40;
    custom.flags = ROVE_FIELD_PICKLIST;
    assert_int_equal(rove__registry_add_custom(registry, &custom, NULL), ROVE_OK);

    assert_ptr_equal(entity_of("Account"), account);
    assert_int_equal(account->field_count, before + 2);
    assert_int_equal(rove__entity_field(account, 1001), before);
    assert_int_equal(rove__entity_field_named(account, "specialty"), before + 1);
    assert_int_equal(rove__entity_field_named(account, "billing_city"), city);
    assert_int_equal(field_of("Account", "specialty")->flags,
                     ROVE_FIELD_PICKLIST | ROVE_FIELD_CUSTOM);
    for (size_t k = 1; k < account->field_count; k++) {
        assert_true(account->fields[account->by_number->ordinals[k - 1]].number <
                    account->fields[account->by_number->ordinals[k]].number);
    }
}

static void a_custom_field_may_change_its_limits_but_not_its_meaning(void **state) {
    rove__custom custom = custom_field();

    (void)state;
    assert_int_equal(rove__registry_add_custom(registry, &custom, NULL), ROVE_OK);
    assert_int_equal(rove__registry_add_custom(registry, &custom, NULL), ROVE_OK);
    custom.max = 5;
    assert_int_equal(rove__registry_add_custom(registry, &custom, NULL), ROVE_OK);
    assert_int_equal(field_of("Account", "square_feet")->max, 5);
    custom.type = ROVE_REAL;
    assert_int_equal(rove__registry_add_custom(registry, &custom, NULL), ROVE_EXISTS);
    custom = custom_field();
    custom.name = "other";
    assert_int_equal(rove__registry_add_custom(registry, &custom, NULL), ROVE_EXISTS);
    custom = custom_field();
    custom.number = 1001;
    assert_int_equal(rove__registry_add_custom(registry, &custom, NULL), ROVE_EXISTS);
    custom.name = "billing_city";
    assert_int_equal(rove__registry_add_custom(registry, &custom, NULL), ROVE_EXISTS);
    custom.name = "id";
    assert_int_equal(rove__registry_add_custom(registry, &custom, NULL), ROVE_EXISTS);
}

static void a_wrong_custom_field_is_refused(void **state) {
    static const char *const names[] = {"", "Upper", "1st", "_x", "a-b", "a b", "\xc3\xa9"};
    char longest[ROVE_NAME_MAX + 2];
    rove__custom custom = custom_field();
    rove_error error = {0};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        custom.name = names[i];
        assert_int_equal(rove__registry_add_custom(registry, &custom, &error), ROVE_INVALID);
        assert_true(error.message[0] != '\0');
    }
    memset(longest, 'a', sizeof longest);
    longest[ROVE_NAME_MAX + 1] = '\0';
    custom.name = longest;
    assert_int_equal(rove__registry_add_custom(registry, &custom, NULL), ROVE_INVALID);
    longest[ROVE_NAME_MAX] = '\0';
    assert_int_equal(rove__registry_add_custom(registry, &custom, NULL), ROVE_OK);

    custom = custom_field();
    custom.number = ROVE_CUSTOM_NUMBER_MIN - 1;
    assert_int_equal(rove__registry_add_custom(registry, &custom, NULL), ROVE_RANGE);
    custom.number = ROVE_CUSTOM_NUMBER_MAX + 1;
    assert_int_equal(rove__registry_add_custom(registry, &custom, NULL), ROVE_RANGE);
    custom = custom_field();
    custom.min = custom.max + 1;
    assert_int_equal(rove__registry_add_custom(registry, &custom, NULL), ROVE_RANGE);
    custom = custom_field();
    custom.type = ROVE_TEXT;
    custom.max = ROVE_VALUE_MAX + 1;
    assert_int_equal(rove__registry_add_custom(registry, &custom, NULL), ROVE_RANGE);
    custom = custom_field();
    custom.type = ROVE_BLOB;
    assert_int_equal(rove__registry_add_custom(registry, &custom, NULL), ROVE_INVALID);
    custom = custom_field();
    custom.flags = ROVE_FIELD_CUSTOM;
    assert_int_equal(rove__registry_add_custom(registry, &custom, NULL), ROVE_INVALID);
    custom.flags = ROVE_FIELD_PICKLIST;
    assert_int_equal(rove__registry_add_custom(registry, &custom, NULL), ROVE_INVALID);
    custom = custom_field();
    custom.entity = 999;
    assert_int_equal(rove__registry_add_custom(registry, &custom, NULL), ROVE_UNKNOWN_ENTITY);
}

static void set_named(rove__row *row, const char *name, rove_value value) {
    int ordinal = rove__entity_field_named(row->entity, name);

    assert_true(ordinal >= 0);
    rove__row_set(row, (size_t)ordinal, value);
}

static void a_row_of_custom_field_defines_one(void **state) {
    rove__arena arena;
    rove__row row;

    (void)state;
    rove__arena_init(&arena, &allocator, 65536);
    assert_int_equal(rove__row_init(&row, entity_of("CustomField"), 5, &arena), ROVE_OK);
    assert_int_equal(rove__registry_add_custom_row(registry, &row, NULL), ROVE_INVALID);
    set_named(&row, "entity", rove__value_int(6));
    set_named(&row, "number", rove__value_int(1000));
    set_named(&row, "type", rove__value_int(ROVE__CUSTOM_FIELD__TYPE__TEXT));
    assert_int_equal(rove__registry_add_custom_row(registry, &row, NULL), ROVE_INVALID);
    set_named(&row, "name", rove__value_text("specialty"));
    assert_int_equal(rove__registry_add_custom_row(registry, &row, NULL), ROVE_OK);
    assert_int_equal(field_of("Account", "specialty")->type, ROVE_TEXT);
    assert_int_equal(field_of("Account", "specialty")->max, ROVE_VALUE_MAX);
    set_named(&row, "max", rove__value_int(40));
    set_named(&row, "flags", rove__value_int(ROVE_FIELD_SENSITIVE));
    assert_int_equal(rove__registry_add_custom_row(registry, &row, NULL), ROVE_OK);
    assert_int_equal(field_of("Account", "specialty")->max, 40);
    assert_true(field_of("Account", "specialty")->flags & ROVE_FIELD_SENSITIVE);
    set_named(&row, "number", rove__value_int(INT64_MAX));
    assert_int_equal(rove__registry_add_custom_row(registry, &row, NULL), ROVE_INVALID);
    rove__arena_free(&arena);
}

static void an_entity_has_at_most_so_many_fields(void **state) {
    const rove__entity *account = entity_of("Account");
    rove__custom custom = custom_field();
    char name[] = "c00000";

    (void)state;
    custom.name = name;
    while (account->field_count < ROVE_FIELDS_MAX) {
        custom.number++;
        for (size_t i = 5, n = custom.number; i > 0; i--, n /= 10) {
            name[i] = (char)('0' + n % 10);
        }
        assert_int_equal(rove__registry_add_custom(registry, &custom, NULL), ROVE_OK);
    }
    custom.number++;
    custom.name = "one_more";
    assert_int_equal(rove__registry_add_custom(registry, &custom, NULL), ROVE_TOO_BIG);
    assert_int_equal(rove__entity_field_named(account, "c01001") >= 0, 1);
}

static void short_memory_is_reported_and_leaks_nothing(void **state) {
    rove__custom custom = custom_field();
    rove_status status = ROVE_NOMEM;

    (void)state;
    for (size_t n = 1; status != ROVE_OK; n++) {
        heap small = {.fail_at = n};
        rove_allocator port = heap_allocator(&small);
        rove__registry *made = NULL;
        status = rove__registry_new(&port, &made);
        if (status == ROVE_OK) {
            assert_true(n > 1);
        } else {
            assert_int_equal(status, ROVE_NOMEM);
            assert_null(made);
        }
        rove__registry_free(made);
        assert_int_equal(small.alive, 0);
    }
    memory.fail_at = memory.calls + 1;
    memory.persistent = 1;
    for (status = ROVE_OK; status == ROVE_OK; custom.number++) {
        char name[] = "m00000";
        for (size_t i = 5, n = custom.number; i > 0; i--, n /= 10) {
            name[i] = (char)('0' + n % 10);
        }
        custom.name = name;
        status = rove__registry_add_custom(registry, &custom, NULL);
    }
    assert_true(status == ROVE_NOMEM || status == ROVE_TOO_BIG);
    memory.persistent = 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_field_has_limits_a_type_and_a_target, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(every_entity_has_a_scope, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_ascend_and_name_one_thing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_visit_is_as_the_rules_need_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_nested_message_is_flattened, setup, teardown),
        cmocka_unit_test_setup_teardown(enumerations_have_names, setup, teardown),
        cmocka_unit_test_setup_teardown(a_custom_field_joins_its_entity, setup, teardown),
        cmocka_unit_test_setup_teardown(a_custom_field_may_change_its_limits_but_not_its_meaning,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_custom_field_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_of_custom_field_defines_one, setup, teardown),
        cmocka_unit_test_setup_teardown(an_entity_has_at_most_so_many_fields, setup, teardown),
        cmocka_unit_test_setup_teardown(short_memory_is_reported_and_leaks_nothing, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
