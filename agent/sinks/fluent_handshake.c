#include "agent/sinks/fluent_handshake.h"

#include <msgpack/pack.h>
#include <nettle/base16.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <string.h>

#include "agent/sinks/fluent_encode.h"

enum { DIGEST_LENGTH = BASE16_ENCODE_LENGTH(SHA512_DIGEST_SIZE), REASON_MAX = 200 };

/* ---- digests ------------------------------------------------------------------------------------ */

struct digest {
	char text[DIGEST_LENGTH];
};

static struct bytes bytes_of(const char *text)
{
	return (struct bytes){text, strlen(text)};
}

static struct bytes nonce_bytes(const struct fluent_nonce *nonce)
{
	return (struct bytes){nonce->data, nonce->length};
}

/* SHA-512 of the parts one behind the other, in hexadecimal. */
static struct digest digest_of(const struct bytes *parts, size_t count)
{
	uint8_t binary[SHA512_DIGEST_SIZE];
	struct sha512_ctx hash;
	struct digest digest;

	sha512_init(&hash);
	for (size_t i = 0; i < count; i++)
		sha512_update(&hash, parts[i].length, (const uint8_t *)parts[i].data);
	sha512_digest(&hash, sizeof(binary), binary);
	base16_encode_update(digest.text, sizeof(binary), binary);
	explicit_bzero(&hash, sizeof(hash));
	return digest;
}

static struct digest key_digest(const struct fluent_proof *proof, struct bytes hostname,
				const struct fluent_helo *helo)
{
	const struct bytes parts[] = {bytes_of(proof->salt), hostname, nonce_bytes(&helo->nonce),
				      bytes_of(proof->shared_key)};

	return digest_of(parts, sizeof(parts) / sizeof(*parts));
}

/* ---- HELO --------------------------------------------------------------------------------------- */

static const msgpack_object *member_of(const msgpack_object *map, const char *key)
{
	struct bytes text;

	for (uint32_t i = 0; i < map->via.map.size; i++)
		if (fluent_text(&map->via.map.ptr[i].key, &text) && text.length == strlen(key) &&
		    !memcmp(text.data, key, text.length))
			return &map->via.map.ptr[i].val;
	return NULL;
}

static int read_nonce(const msgpack_object *object, struct fluent_nonce *nonce)
{
	struct bytes text;

	if (!fluent_text(object, &text) || text.length > FLUENT_NONCE_MAX)
		return -1;
	memcpy(nonce->data, text.data, text.length);
	nonce->length = text.length;
	return 0;
}

int fluent_read_helo(const msgpack_object *answer, struct fluent_helo *helo, struct error **error)
{
	static const char wrong[] = "what it says first is no HELO of the forward protocol";
	const msgpack_object *options, *nonce, *auth, *keepalive;

	*helo = (struct fluent_helo){.keepalive = true};
	if (!fluent_is_message(answer, "HELO", 2) || answer->via.array.ptr[1].type != MSGPACK_OBJECT_MAP)
		return error_set(error, 0, wrong);
	options = &answer->via.array.ptr[1];
	nonce = member_of(options, "nonce");
	auth = member_of(options, "auth");
	keepalive = member_of(options, "keepalive");
	if (!nonce || read_nonce(nonce, &helo->nonce) || !helo->nonce.length)
		return error_set(error, 0, wrong);
	if (auth && auth->type != MSGPACK_OBJECT_NIL && read_nonce(auth, &helo->auth))
		return error_set(error, 0, wrong);
	if (keepalive && keepalive->type == MSGPACK_OBJECT_BOOLEAN)
		helo->keepalive = keepalive->via.boolean;
	return 0;
}

/* ---- PING --------------------------------------------------------------------------------------- */

static int pack_text(msgpack_packer *packer, struct bytes text)
{
	return msgpack_pack_str_with_body(packer, text.data, text.length);
}

/* Nobody's name and password are empty. */
static int pack_user(msgpack_packer *packer, const struct fluent_proof *proof, const struct fluent_helo *helo)
{
	const char *user = helo->auth.length ? proof->user : NULL;
	size_t length = user ? strcspn(user, ":") : 0;
	const struct bytes parts[] = {nonce_bytes(&helo->auth),
				      {user, length},
				      bytes_of(user && user[length] ? user + length + 1 : "")};
	struct digest digest;

	if (!user)
		return pack_text(packer, bytes_of("")) || pack_text(packer, bytes_of(""));
	digest = digest_of(parts, sizeof(parts) / sizeof(*parts));
	return pack_text(packer, parts[1]) || pack_text(packer, (struct bytes){digest.text, DIGEST_LENGTH});
}

int fluent_write_ping(const struct fluent_proof *proof, const struct fluent_helo *helo, struct buffer *ping,
		      struct error **error)
{
	struct digest digest = key_digest(proof, bytes_of(proof->hostname), helo);
	msgpack_packer packer;

	if (helo->auth.length && !proof->user) {
		error_set(error, 0, "it asks for a user and a password");
		return error_remedy(error, "put them into the URL: fluent+tls://USER:PASSWORD@HOST");
	}
	msgpack_packer_init(&packer, ping, fluent_append);
	if (msgpack_pack_array(&packer, 6) || pack_text(&packer, bytes_of("PING")) ||
	    pack_text(&packer, bytes_of(proof->hostname)) || pack_text(&packer, bytes_of(proof->salt)) ||
	    pack_text(&packer, (struct bytes){digest.text, DIGEST_LENGTH}) || pack_user(&packer, proof, helo))
		return error_set(error, 0, "out of memory");
	return 0;
}

/* ---- PONG --------------------------------------------------------------------------------------- */

/* A receiver that calls itself as we do could say our own digest again without knowing the key. */
static bool is_proved(struct bytes hostname, struct bytes said, const struct fluent_proof *proof,
		      const struct fluent_helo *helo)
{
	struct digest expected = key_digest(proof, hostname, helo);
	bool ours = hostname.length == strlen(proof->hostname) &&
		    !memcmp(hostname.data, proof->hostname, hostname.length);

	return !ours && said.length == DIGEST_LENGTH && memeql_sec(said.data, expected.text, DIGEST_LENGTH);
}

int fluent_check_pong(const msgpack_object *answer, const struct fluent_proof *proof,
		      const struct fluent_helo *helo, struct error **error)
{
	const msgpack_object *members = answer->via.array.ptr;
	struct bytes reason, hostname, digest;

	if (!fluent_is_message(answer, "PONG", 5) || members[1].type != MSGPACK_OBJECT_BOOLEAN ||
	    !fluent_text(&members[2], &reason) || !fluent_text(&members[3], &hostname) ||
	    !fluent_text(&members[4], &digest))
		return error_set(error, 0, "its answer to our PING is no PONG of the forward protocol");
	if (!members[1].via.boolean)
		return error_set(error, 0, "it refuses us: %.*s",
				 (int)(reason.length < REASON_MAX ? reason.length : REASON_MAX), reason.data);
	if (!is_proved(hostname, digest, proof, helo))
		return error_set(error, 0, "it does not know the shared key");
	return 0;
}
