// SHA-256 against the vectors of NIST's example file and of hashlib; the cut into pieces does not show.
#include <string.h>

#include "tensor/base/sha256.h"
#include "tests/support.h"

static void hash_of(const void *data, size_t bytes, char hex[65]) {
    Sha256 hash;
    uint8_t digest[32];
    sha256_begin(&hash);
    sha256_feed(&hash, data, bytes);
    sha256_end(&hash, digest);
    sha256_hex(digest, hex);
}

static const struct {
    const char *text, *hex;
} VECTOR[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
     "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
};

START_TEST(nist_vectors) {
    char hex[65];
    hash_of(VECTOR[_i].text, strlen(VECTOR[_i].text), hex);
    ck_assert_str_eq(hex, VECTOR[_i].hex);
}
END_TEST

START_TEST(a_million_a) {
    static char a[1000];
    char hex[65];
    uint8_t digest[32];
    Sha256 hash;
    memset(a, 'a', sizeof a);
    sha256_begin(&hash);
    for (int i = 0; i < 1000; i++) sha256_feed(&hash, a, sizeof a);
    sha256_end(&hash, digest);
    sha256_hex(digest, hex);
    ck_assert_str_eq(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
END_TEST

START_TEST(pieces_do_not_show) {
    char data[300], whole[65], pieces[65];
    for (int i = 0; i < 300; i++) data[i] = (char)(i * 7);
    // One length whose padding needs a block of its own, from hashlib.
    hash_of(data, 119, whole);
    ck_assert_str_eq(whole, "7a6589821178918ca8d9edaba5abfc1e9b2669564f4469b66885379c1530b2c8");
    // Every length around the padding's borders, fed in steps of 1, 3, 63, 64, 65 and with empty pieces between.
    static const size_t STEPS[] = {1, 3, 63, 64, 65};
    for (size_t length = 0; length <= 300; length++) {
        hash_of(data, length, whole);
        for (int s = 0; s < 5; s++) {
            Sha256 hash;
            uint8_t digest[32];
            sha256_begin(&hash);
            for (size_t at = 0; at < length; at += STEPS[s]) {
                sha256_feed(&hash, data + at, length - at < STEPS[s] ? length - at : STEPS[s]);
                sha256_feed(&hash, data, 0);
            }
            sha256_end(&hash, digest);
            sha256_hex(digest, pieces);
            ck_assert_str_eq(pieces, whole);
        }
    }
}
END_TEST

Suite *suite_sha256(void) {
    Suite *suite = suite_create("sha256");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, nist_vectors, 0, sizeof VECTOR / sizeof VECTOR[0]);
    tcase_add_test(all, a_million_a);
    tcase_add_test(all, pieces_do_not_show);
    suite_add_tcase(suite, all);
    return suite;
}
