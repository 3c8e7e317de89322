// What training stores and finds again: roles with moments, numbers; other recipes, seeds and models; damage.
#include "rlcd/save.h"

#include <stdio.h>
#include <string.h>

#include "tests/gradcheck.h"
#include "tests/tiny.h"

Suite *suite_save(void);

static Arena arena;
static Error error;
static Base base;
static const char *dir;
static Session session;

static void setup(void) {
    kernels_setup();
    arena = arena_make("test_save", 0);
    base = tiny_base(&arena, 1, false);
    dir = temporary_make(&arena);
    session = tiny_session(&arena, dir);
    ck_ok(metrics_open(session.metrics, session.run, dir, 0, &error), error);
}

static void teardown(void) {
    tiny_session_end(&session);
    temporary_remove(dir);
    arena_free(&arena);
}

// Two roles: an adapter with a head, and all weights without one; numbers of their own by `seed`.
typedef struct {
    Role *role[2];
    Optimizer optimizer[2];
    SavedRole saved[2];
} Roles;

static Roles *make(unsigned seed) {
    Roles *r = arena_alloc(&arena, sizeof *r);
    RoleConfig config[2] = {{.adapter = adapter_default(), .head = true, .head_bias = true, .trained = true},
                            {.train_all = true, .trained = true}};
    config[0].adapter.rank = 3;
    config[0].adapter.alpha = 0.7f;
    config[0].adapter.target[PROJ_UP] = false;
    AdamWConfig adamw = adamw_default();
    for (int i = 0; i < 2; i++) {
        r->role[i] = role_make(&arena, &base, &config[i], 1);
        r->optimizer[i] = optimizer_make(&r->role[i]->params, &adamw, 1);
        random_fill(r->role[i]->params.value, r->role[i]->params.count, seed + (unsigned)i, 1);
        random_fill(r->optimizer[i].m, r->role[i]->params.count, seed + 2 + (unsigned)i, 1);
        random_fill(r->optimizer[i].v, r->role[i]->params.count, seed + 4 + (unsigned)i, 1);
        r->optimizer[i].step = seed + 100 + i;
        r->role[i]->mean = (float)seed / 3;
        r->role[i]->deviation = (float)seed / 7;
        r->saved[i] = (SavedRole){i ? "value" : "policy", r->role[i], &r->optimizer[i]};
    }
    return r;
}

static void same(const Roles *a, const Roles *b) {
    for (int i = 0; i < 2; i++) {
        size_t n = a->role[i]->params.count;
        check_bits("values", a->role[i]->params.value, b->role[i]->params.value, n);
        check_bits("m", a->optimizer[i].m, b->optimizer[i].m, n);
        check_bits("v", a->optimizer[i].v, b->optimizer[i].v, n);
        ck_assert_int_eq(a->optimizer[i].step, b->optimizer[i].step);
        ck_assert_float_eq(a->role[i]->mean, b->role[i]->mean);
        ck_assert_float_eq(a->role[i]->deviation, b->role[i]->deviation);
    }
}

static void write_one(unsigned seed, int64_t step) {
    Roles *r = make(seed);
    SavedNumber numbers[] = {{"kl_coef", 0.1 + seed}, {"offset", 123456789012345.0}};
    ck_ok(save_write(&session, step, r->saved, 2, numbers, 2, &error), error);
}

static Status read_into(Roles *r, int64_t *step, uint64_t *offset, SavedNumber numbers[2]) {
    numbers[0] = (SavedNumber){"kl_coef", -1};
    numbers[1] = (SavedNumber){"offset", -1};
    return save_read(&session, step, offset, r->saved, 2, numbers, 2, &error);
}

START_TEST(save_round_trip) {
    Roles *r = make(50), *expected = make(9);
    int64_t step;
    uint64_t offset;
    SavedNumber numbers[2];
    // Nothing there yet.
    ck_ok(read_into(r, &step, &offset, numbers), error);
    ck_assert(step == -1 && offset == 0 && numbers[0].value == -1);
    Roles *untouched = make(50);
    same(r, untouched);

    metrics_begin(session.metrics, 3, "test");
    ck_ok(metrics_end(session.metrics, &error), error);
    write_one(5, 3);
    write_one(9, 4);
    ck_ok(read_into(r, &step, &offset, numbers), error);
    ck_assert_int_eq(step, 4);
    ck_assert_uint_eq(offset, metrics_offset(session.metrics));
    ck_assert_uint_gt(offset, 0);
    ck_assert_double_eq(numbers[0].value, 9.1);
    ck_assert_double_eq(numbers[1].value, 123456789012345.0);
    same(r, expected);
    // Not asked to resume: nothing is read.
    session.resume = false;
    r = make(50);
    ck_ok(read_into(r, &step, &offset, numbers), error);
    ck_assert(step == -1 && offset == 0);
    same(r, untouched);
}
END_TEST

// The same numbers give the same files, byte for byte.
START_TEST(save_same_bytes) {
    static const char *const NAMES[] = {"policy.safetensors", "policy.optimizer.safetensors", "value.safetensors", "state.json",
                                        "COMPLETE"};
    write_one(5, 3);
    const char *folder = path_join(&arena, dir, "checkpoint-000003");
    Text first[5];
    for (int i = 0; i < 5; i++) first[i] = tiny_file(&arena, folder, NAMES[i]);
    write_one(6, 3);
    ck_assert(!text_equal(tiny_file(&arena, folder, NAMES[0]), first[0]));
    write_one(5, 3);
    for (int i = 0; i < 5; i++) ck_assert(text_equal(tiny_file(&arena, folder, NAMES[i]), first[i]));
}
END_TEST

START_TEST(save_refuses_others) {
    Roles *r = make(50);
    int64_t step;
    uint64_t offset;
    SavedNumber numbers[2];
    write_one(5, 3);
    session.seed = 8;
    ck_assert_int_eq(read_into(r, &step, &offset, numbers), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "seed"));
    session.seed = 7;
    session.recipe_hash = "fedcba9876543210";
    ck_assert_int_eq(read_into(r, &step, &offset, numbers), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "recipe"));
    session.recipe_hash = "0123456789abcdef";
    // Another model: rank 4 instead of 3.
    RoleConfig other = {.adapter = adapter_default(), .head = true, .head_bias = true, .trained = true};
    other.adapter.rank = 4;
    Role *role = role_make(&arena, &base, &other, 1);
    SavedRole saved = {"policy", role, NULL};
    ck_assert_int_eq(save_read(&session, &step, &offset, &saved, 1, NULL, 0, &error), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "lora"));
    // A number that it does not have.
    SavedNumber missing = {"horizon", 0};
    ck_assert_int_ne(save_read(&session, &step, &offset, r->saved, 2, &missing, 1, &error), OK);
    ck_assert_ptr_nonnull(strstr(error.text, "horizon"));
    // All of it right: read.
    ck_ok(read_into(r, &step, &offset, numbers), error);
}
END_TEST

// A damaged checkpoint is passed over with a warning that names it; two damaged ones are an error.
START_TEST(save_passes_over_damage) {
    static const char *const VICTIMS[] = {"policy.safetensors", "policy.optimizer.safetensors", "state.json", "COMPLETE"};
    Roles *expected = make(5);
    for (int i = 0; i < 4; i++) {
        Roles *r = make(50);
        int64_t step;
        uint64_t offset;
        SavedNumber numbers[2];
        write_one(5, 3);
        write_one(9, 4);
        const char *path = path_join(&arena, path_join(&arena, dir, "checkpoint-000004"), VICTIMS[i]);
        Text text;
        ck_ok(file_read(&text, &arena, path, 1 << 24, &error), error);
        ((char *)text.data)[text.size / 2] ^= 1;
        ck_ok(file_write(path, text.data, text.size, &error), error);
        tiny_warnings[0] = '\0';
        ck_ok(read_into(r, &step, &offset, numbers), error);
        ck_assert_int_eq(step, 3);
        same(r, expected);
        ck_assert_ptr_nonnull(strstr(tiny_warnings, "checkpoint-000004"));
        if (i < 3) continue;
        path = path_join(&arena, path_join(&arena, dir, "checkpoint-000003"), VICTIMS[i]);
        ck_ok(file_write(path, "x", 1, &error), error);
        ck_assert_int_eq(read_into(r, &step, &offset, numbers), ERR_DATA);
    }
}
END_TEST

START_TEST(save_keeps_few) {
    for (int step = 1; step <= 5; step++) write_one((unsigned)step, step);
    for (int step = 1; step <= 5; step++) {
        char name[32];
        snprintf(name, sizeof name, "checkpoint-%06d", step);
        ck_assert_int_eq(file_exists(path_join(&arena, dir, name)), step >= 4);
    }
}
END_TEST

// A role comes back from its checkpoint alone: shape, values, mean and deviation.
START_TEST(save_loads_role) {
    static const char *const NAMES[] = {"policy", "value"};
    Roles *expected = make(9);
    Role *role;
    ck_assert_int_eq(save_load_role(&role, &base, dir, "policy", &arena, &session, &error), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "found none"));
    write_one(9, 4);
    for (int i = 0; i < 2; i++) {
        ck_ok(save_load_role(&role, &base, dir, NAMES[i], &arena, &session, &error), error);
        const RoleConfig *a = &role->config, *b = &expected->role[i]->config;
        ck_assert(a->train_all == b->train_all && a->head == b->head && a->head_bias == b->head_bias && !a->trained);
        if (!a->train_all) {
            ck_assert(a->adapter.rank == b->adapter.rank && a->adapter.alpha == b->adapter.alpha);
            for (int p = 0; p < PROJ_COUNT; p++) ck_assert_int_eq(a->adapter.target[p], b->adapter.target[p]);
        }
        ck_assert_uint_eq(role->params.count, expected->role[i]->params.count);
        check_bits("values", role->params.value, expected->role[i]->params.value, role->params.count);
        ck_assert_float_eq(role->mean, expected->role[i]->mean);
        ck_assert_float_eq(role->deviation, expected->role[i]->deviation);
        ck_assert_ptr_null(role->params.grad);
    }
    ck_assert_int_eq(save_load_role(&role, &base, dir, "preference", &arena, &session, &error), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "preference"));
}
END_TEST

Suite *suite_save(void) {
    Suite *suite = suite_create("save");
    TCase *tc = tcase_create("save");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, save_round_trip);
    tcase_add_test(tc, save_same_bytes);
    tcase_add_test(tc, save_refuses_others);
    tcase_add_test(tc, save_passes_over_damage);
    tcase_add_test(tc, save_keeps_few);
    tcase_add_test(tc, save_loads_role);
    suite_add_tcase(suite, tc);
    return suite;
}
