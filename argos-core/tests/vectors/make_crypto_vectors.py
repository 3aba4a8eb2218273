"""Writes crypto.json: what every implementation of the stored forms must agree on.

An implementation of its own: Python's `cryptography`, `argon2-cffi` and `bcrypt`, none of the code under test. All
keys, nonces and salts are patterns, so a second run writes the same bytes.

    pip install -r requirements.txt
    python make_crypto_vectors.py

Bytes are lower-case hex in fields whose name ends in `_hex`; every other text is meant as it stands, in UTF-8.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import unicodedata

import bcrypt
from argon2.low_level import Type, hash_secret, verify_secret
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.twofactor.totp import TOTP

PREFIX = "argos1:"
KEY = bytes(range(32))
OTHER_KEY = bytes(range(32, 64))
SUBKEYS = ["argos/backup-manifest/v1", "argos/ticket/v1", "argos/cursor/v1"]


def pattern(start: int, length: int) -> bytes:
    """`length` bytes that count up from `start`."""
    return bytes((start + i) % 256 for i in range(length))


def standard(data: bytes) -> str:
    return base64.b64encode(data).decode()


def url_safe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def seal(key: bytes, nonce: bytes, plaintext: bytes) -> bytes:
    return nonce + AESGCM(key).encrypt(nonce, plaintext, None)


def envelope(key: bytes, nonce: bytes, plaintext: str) -> str:
    return PREFIX + standard(seal(key, nonce, plaintext.encode())) if plaintext else ""


def hkdf(key: bytes, info: str) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info.encode()).derive(key)


PLAINTEXTS = [
    ("ASCII", "a plain ASCII value"),
    ("UTF-8 with 4-byte characters", "grün – 日本 – 🦚🦉"),
    ("one byte", "x"),
    ("64 KiB", "0123456789abcdef" * 4096),
    ("JSON", '{"v":1,"codes":["a\\n","ä"],"none":null}'),
    ("looks like an envelope", "argos1:AAAA"),
    ("NUL and control characters", "a\0b\r\n\x7f"),
    ("empty", ""),
]


def envelope_decrypt() -> list:
    return [
        {"name": name, "key_hex": key.hex(), "envelope": envelope(key, pattern(0xA0 + i, 12), text), "plaintext": text}
        for i, (name, text) in enumerate(PLAINTEXTS)
        for key in (KEY, OTHER_KEY)
        if key is KEY or len(text) < 100
    ]


def envelope_encrypt_fixed_nonce() -> list:
    cases = [(name, text, nonce) for name, text in PLAINTEXTS for nonce in (bytes(12), b"\xff" * 12)]
    return [
        {
            "name": name,
            "key_hex": KEY.hex(),
            "nonce_hex": nonce.hex(),
            "plaintext": text,
            "envelope": envelope(KEY, nonce, text),
        }
        for name, text, nonce in cases
        if len(text) < 100
    ]


def envelope_reject() -> dict:
    """One good envelope of 37 bytes, so that its last base64 digit has four bits without a meaning."""
    plaintext, nonce = "pattern 9", bytes.fromhex("fbff" * 6)
    data = seal(KEY, nonce, plaintext.encode())
    good = PREFIX + standard(data)
    assert len(data) == 37 and good.endswith("==")
    tampered, plain = "secret_tampered", "secret_not_encrypted"
    cases = []

    def add(kind: str, name: str, text: str, code: str, key: bytes = KEY, **more):
        assert text != good or key != KEY
        cases.append({"kind": kind, "name": name, "key_hex": key.hex(), "envelope": text, "code": code, **more})

    # Changes of the decoded bytes: every position, lowest bit, highest bit, all bits.
    for at in range(len(data)):
        for mask in (0x01, 0x80, 0xFF):
            changed = data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]
            add("byte", f"byte {at} xor {mask:02x}", PREFIX + standard(changed), tampered)
    # Changes of the text: every position, to another base64 digit and to a character outside the alphabet.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    for at, char in enumerate(good):
        digit = alphabet[(alphabet.find(char) + 32) % 64]
        for new in (digit, "!"):
            text = good[:at] + new + good[at + 1 :]
            code = plain if at < len(PREFIX) else tampered
            add("text", f"character {at} is {new}", text, code)
    # The last digit before the padding: other unused bits decode to the same bytes where they are not looked at.
    last = len(good) - 3
    value = alphabet.index(good[last])
    assert value & 0x0F == 0
    for low in range(1, 16):
        text = good[:last] + alphabet[value | low] + "=="
        assert base64.b64decode(text[len(PREFIX) :]) == data
        add("trailing_bits", f"unused bits {low:04b}", text, tampered)
    # Too short for nonce and tag. Without any byte it is only the prefix, which is no envelope.
    for length in range(28):
        code = tampered if length else plain
        add("truncated", f"{length} bytes", PREFIX + standard(data[:length]), code)
    add("truncated", "36 bytes", PREFIX + standard(data[:36]), tampered)
    add("longer", "38 bytes", PREFIX + standard(data + b"\0"), tampered)
    body = good[len(PREFIX) :]
    for prefix in ("ARGOS1:", "Argos1:", "argos2:", "argos1", "argos1;", "", " argos1:", "\nargos1:"):
        add("prefix", f"prefix {prefix!r}", prefix + body, plain)
    add("alphabet", "URL-safe base64", PREFIX + url_safe(data), tampered)
    add("padding", "no padding", good.rstrip("="), tampered)
    add("padding", "half of the padding", good[:-1], tampered)
    add("padding", "too much padding", good + "=", tampered)
    add("padding", "padding in the middle", good[:20] + "=" + good[21:], tampered)
    for name, blank in (("newline", "\n"), ("carriage return", "\r"), ("space", " "), ("tab", "\t"), ("NUL", "\0")):
        add("blank", f"{name} inside", good[:31] + blank + good[31:], tampered)
        add("blank", f"{name} at the end", good + blank, tampered)
    add("twice", "two envelopes", good + good, tampered)
    add("key", "another key", good, tampered, OTHER_KEY)
    add("plaintext", "not UTF-8", PREFIX + standard(seal(KEY, nonce, b"\xff\xfe")), tampered)
    for text in ("plain", "argos1", PREFIX):
        add("plain", f"the text {text!r}", text, plain)
    return {"key_hex": KEY.hex(), "envelope": good, "plaintext": plaintext, "cases": cases}


def key_forms() -> dict:
    key = bytes(i * 0x11 % 256 for i in range(16)) + b"\xfb\xff" * 8
    hexed, b64, url = key.hex(), standard(key), url_safe(key)
    assert "+" in b64 and "/" in b64 and "-" in url and "_" in url
    accepted = [
        {"name": name, "in": "text", "text": text, "key_hex": key.hex()}
        for name, text in [
            ("hex, lower-case", hexed),
            ("hex, upper-case", hexed.upper()),
            ("hex, mixed case", hexed[:32] + hexed[32:].upper()),
            ("base64", b64),
            ("base64 without padding", b64.rstrip("=")),
            ("URL-safe base64", url),
            ("URL-safe base64 without padding", url.rstrip("=")),
        ]
    ]
    accepted += [
        {"name": name, "in": "file", "content_hex": content.hex(), "key_hex": of.hex()}
        for name, content, of in [
            ("hex and newline", hexed.encode() + b"\n", key),
            ("hex without newline", hexed.encode(), key),
            ("hex and CR LF", hexed.encode() + b"\r\n", key),
            ("base64 and newline", b64.encode() + b"\n", key),
            ("URL-safe base64 without padding and newline", url.rstrip("=").encode() + b"\n", key),
            ("32 raw bytes", key, key),
            ("32 raw bytes that end in a newline", key[:31] + b"\n", key[:31] + b"\n"),
            ("32 raw bytes that are letters", b"A" * 32, b"A" * 32),
        ]
    ]
    refused = [
        {"name": name, "in": "text", "text": text, "reason": reason}
        for name, text, reason in [
            ("empty", "", "length"),
            ("hex of 31 bytes", key[:31].hex(), "length"),
            ("hex of 33 bytes", (key + b"\0").hex(), "length"),
            ("63 hex digits", hexed[:63], "length"),
            ("base64 of 31 bytes", standard(key[:31]), "length"),
            ("base64 of 33 bytes", standard(key + b"\0"), "length"),
            ("base64 of 24 bytes, 32 characters", standard(key[:24]), "length"),
            ("64 base64 digits", "z" + hexed[1:], "length"),
            ("hex with a blank", hexed[:32] + " " + hexed[32:], "alphabet"),
            ("hex with 0x before it", "0x" + hexed, "length"),
            ("hex and newline", hexed + "\n", "alphabet"),
            ("blank before hex", " " + hexed, "alphabet"),
            ("base64 with a newline inside", b64[:20] + "\n" + b64[20:], "alphabet"),
            ("both base64 alphabets", b64.replace("/", "_"), "alphabet"),
            ("base64 with other unused bits", b64[:42] + chr(ord(b64[42]) + 1) + "=", "unused bits"),
            ("base64 with too much padding", b64 + "=", "padding"),
            ("letters beyond ASCII", "é" * 32, "alphabet"),
            ("an envelope", envelope(KEY, bytes(12), "x"), "alphabet"),
        ]
    ]
    refused += [
        {"name": name, "in": "file", "content_hex": content.hex(), "reason": reason}
        for name, content, reason in [
            ("empty", b"", "length"),
            ("only a newline", b"\n", "length"),
            ("31 raw bytes", key[:31], "length"),
            ("33 raw bytes", key + b"\0", "length"),
            ("32 raw bytes and newline", key + b"\n", "length: raw bytes are exactly 32"),
            ("hex and two newlines", hexed.encode() + b"\n\n", "alphabet: one newline is ignored"),
            ("hex and a blank", hexed.encode() + b" \n", "alphabet"),
            ("byte order mark before hex", b"\xef\xbb\xbf" + hexed.encode(), "alphabet"),
            ("UTF-16 hex", hexed.encode("utf-16-le"), "alphabet"),
        ]
    ]
    return {"code": "master_key.form", "accepted": accepted, "refused": refused}


def subkeys() -> list:
    keys = [KEY, OTHER_KEY, bytes(32), b"\xff" * 32]
    return [{"key_hex": key.hex(), "subkeys_hex": {info: hkdf(key, info).hex() for info in SUBKEYS}} for key in keys]


def token_hash() -> list:
    texts = [("session", url_safe(pattern(n, 32)).rstrip("=")) for n in (0, 0x80)]
    texts += [("api_token", "argos_pat_" + text) for _, text in texts]
    return [{"kind": kind, "token": text, "hash_hex": hashlib.sha256(text.encode("ascii")).hexdigest()} for kind, text in texts]


def recovery() -> dict:
    raw = bytes.fromhex("0011223344")
    code = base64.b32encode(raw).decode().lower()
    shown = f"{code[:4]}-{code[4:]}"
    salt = pattern(0x10, 16)
    digest = hashlib.sha256(salt + code.encode()).hexdigest()
    spellings = [shown, code, shown.upper(), code.upper(), f"{code[:4]} {code[4:]}", f" {shown} ", "-".join(code), f"{code[:4]} - {code[4:]}"]
    refused = [
        ("", "length"),
        ("----", "length"),
        (code[:7], "length"),
        (code + "a", "length"),
        ("0" + code[1:], "alphabet"),
        ("1" + code[1:], "alphabet"),
        ("8" + code[1:], "alphabet"),
        ("9" + code[1:], "alphabet"),
        (code[:4] + "_" + code[4:], "alphabet"),
        (code[:7] + "ä", "alphabet"),
        (code[:7] + "\u0430", "alphabet"),
        (code[:4] + "\u2013" + code[4:], "alphabet"),
    ]
    return {
        "raw_hex": raw.hex(),
        "shown": shown,
        "normalised": code,
        "salt_hex": salt.hex(),
        "hash_hex": digest,
        "entry": f"{salt.hex()}${digest}",
        "spellings": spellings,
        "refused": [{"code": text, "reason": reason} for text, reason in refused],
        "stored": json.dumps({"v": 1, "codes": [f"{salt.hex()}${digest}"]}, separators=(",", ":")),
    }


def totp() -> dict:
    # RFC 6238 appendix B, SHA-1, of which the last six digits are taken.
    rfc = {59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130"}
    secret = b"12345678901234567890"
    made = TOTP(secret, 6, hashes.SHA1(), 30)
    cases = []
    for at, digits in rfc.items():
        code = made.generate(at).decode()
        assert code == digits[2:]
        cases.append({"unix_seconds": at, "step": at // 30, "code": code})
    return {"secret_hex": secret.hex(), "secret_base32": base64.b32encode(secret).decode(), "cases": cases}


def argon2() -> list:
    cases = []
    passwords = [("ASCII", "pattern pattern"), ("UTF-8", "grüne Wörter 🦚"), ("one character", "x"), ("1024 bytes", "ab" * 512)]
    for i, (name, password) in enumerate(passwords):
        for memory, passes, lanes in ((19456, 2, 1), (64, 3, 2)):
            normal = unicodedata.normalize("NFC", password).encode()
            salt = pattern(0x20 + i, 16)
            phc = hash_secret(normal, salt, passes, memory, lanes, 32, Type.ID).decode()
            assert verify_secret(phc.encode(), normal, Type.ID)
            right = [password]
            decomposed = unicodedata.normalize("NFD", password)
            if decomposed != password:
                right.append(decomposed)
            wrong = ["", password + " ", password.swapcase(), password[:-1]]
            cases.append({"name": f"{name}, {memory} KiB", "phc": phc, "right": right, "wrong": [w for w in wrong if w != password]})
    return cases


def bcrypt_cases() -> list:
    cases = []
    for name, version, password in [
        ("2a", "2a", "pattern pattern"),
        ("2b", "2b", "pattern pattern"),
        ("2y", "2y", "pattern pattern"),
        ("UTF-8", "2b", "grüne Wörter 🦚"),
        ("72 bytes", "2b", "abcdefgh" * 9),
    ]:
        # 16 zero bytes are 22 dots in bcrypt's own base64; cost 4 is the least.
        hashed = bcrypt.hashpw(password.encode(), f"${version}$04${'.' * 22}".encode()).decode()
        assert bcrypt.checkpw(password.encode(), hashed.encode()) and hashed.startswith(f"${version}$04$")
        wrong = ["", password + " " if len(password) < 72 else password[:-1], password.swapcase()]
        cases.append({"name": name, "hash": hashed, "right": [password], "wrong": wrong})
    return cases


def backup_hmac() -> list:
    cases = []
    for key in (KEY, OTHER_KEY):
        for metadata in (b"{}", b'{"version":1,"generation":7}\n', '{"note":"grün"}'.encode(), b""):
            digest = hmac.new(hkdf(key, SUBKEYS[0]), metadata, hashlib.sha256).hexdigest()
            cases.append({"key_hex": key.hex(), "metadata_hex": metadata.hex(), "hmac_hex": digest})
    return cases


def webhook_hmac() -> list:
    cases = []
    for secret, at, body in [
        ("pattern-pattern", 1767225600, '{"event":"host.created"}'),
        ("grün", 1767225601, '{"text":"🦚"}'),
        ("pattern-pattern", 1767225600, ""),
    ]:
        digest = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
        cases.append({"secret": secret, "unix_seconds": at, "body": body, "header": f"t={at},v1={digest}"})
    return cases


def web_push() -> dict:
    """The example of RFC 8291, section 5 and appendix A; its keys are public."""

    def raw(text: str) -> bytes:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    def private(text: str):
        return ec.derive_private_key(int.from_bytes(raw(text), "big"), ec.SECP256R1())

    def public(key) -> bytes:
        return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)

    def derive(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
        return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)

    example = {
        "plaintext": "When I grow up, I want to be a watermelon",
        "sender_private": "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw",
        "sender_public": "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",
        "receiver_private": "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94",
        "receiver_public": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth_secret": "BTBZMqHH6r4Tts7J_aSIgg",
        "salt": "DGv6ra1nlYgDCS1FRnbzlw",
        "record_size": 4096,
        "body": "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN",
    }
    sender, receiver = private(example["sender_private"]), private(example["receiver_private"])
    assert public(sender) == raw(example["sender_public"]) and public(receiver) == raw(example["receiver_public"])
    shared = sender.exchange(ec.ECDH(), receiver.public_key())
    info = b"WebPush: info\0" + public(receiver) + public(sender)
    ikm = derive(raw(example["auth_secret"]), shared, info, 32)
    salt = raw(example["salt"])
    key = derive(salt, ikm, b"Content-Encoding: aes128gcm\0", 16)
    nonce = derive(salt, ikm, b"Content-Encoding: nonce\0", 12)
    sealed = AESGCM(key).encrypt(nonce, example["plaintext"].encode() + b"\x02", None)
    body = salt + example["record_size"].to_bytes(4, "big") + bytes([65]) + public(sender) + sealed
    assert body == raw(example["body"])
    return {**example, "ecdh_secret_hex": shared.hex(), "key_hex": key.hex(), "nonce_hex": nonce.hex()}


GROUPS = {
    "envelope_decrypt": envelope_decrypt,
    "envelope_encrypt_fixed_nonce": envelope_encrypt_fixed_nonce,
    "envelope_reject": envelope_reject,
    "key_forms": key_forms,
    "hkdf": subkeys,
    "token_hash": token_hash,
    "recovery": recovery,
    "totp": totp,
    "argon2": argon2,
    "bcrypt": bcrypt_cases,
    "backup_hmac": backup_hmac,
    "webhook_hmac": webhook_hmac,
    "web_push": web_push,
}

if __name__ == "__main__":
    path = pathlib.Path(__file__).with_name("crypto.json")
    made = {name: make() for name, make in GROUPS.items()}
    path.write_text(json.dumps(made, indent=1, ensure_ascii=True) + "\n", encoding="ascii", newline="\n")
