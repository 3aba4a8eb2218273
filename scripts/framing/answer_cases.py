"""Cases of what an upstream answers over HTTP/1: what is refused, what breaks off, and what the next client gets."""

from case import AnswerCase

END = "0\r\n\r\n"
# What a client would get that took bytes behind an answer for the next one.
POISON = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON"


def answer(*fields, first="HTTP/1.1 200 OK", body=""):
    return ("\r\n".join([first, *fields]) + "\r\n\r\n" + body).encode("latin-1")


def refused(name, raw, *words, **more):
    """The client gets 502."""
    raw = raw if isinstance(raw, bytes) else raw.encode("latin-1")
    return AnswerCase("answer heads", name, raw, 502, **{word: True for word in words}, **more)


def breaks(name, raw, *words, **more):
    """The client sees that it is not whole."""
    return AnswerCase("answer bodies", name, raw, None, **{word: True for word in words}, **more)


def relayed(name, raw, body, *words, status=200, **more):
    """The client gets it."""
    return AnswerCase("answers", name, raw, status, body, **{word: True for word in words}, **more)


def chunks(text, *fields):
    return answer("Transfer-Encoding: chunked", *fields, body=text)


def status_line(text):
    return refused(repr(text), answer("Content-Length: 0", first=text))


HEADS = [
    refused("length and chunked", answer("Content-Length: 5", "Transfer-Encoding: chunked", body=END), "choice"),
    refused("two lengths", answer("Content-Length: 5", "Content-Length: 6", body="hello!")),
    refused("a list of lengths", answer("Content-Length: 5, 6", body="hello!")),
    refused("a list of one length twice", answer("Content-Length: 5, 5", body="hello"), "choice"),
    *(refused(f"a length of {value!r}", answer(f"Content-Length: {value}", body="hello"))
      for value in ("+5", "-5", "0x5", "5.0", "5 5", "", "five", "5,", "9" * 20)),
    *(refused(f"a coding of {value!r}", answer(f"Transfer-Encoding: {value}", body=END), *words)
      for value, *words in (
        ("gzip, chunked", "choice"), ("chunked, identity",), ("identity",), ("xchunked",), ("chunked, chunked",),
        ('"chunked"',), ("",), ("chunked;q=1",), ("\x0bchunked",),
    )),
    refused("two lines of codings", answer("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=END)),
    refused("chunked in HTTP/1.0", answer("Transfer-Encoding: chunked", first="HTTP/1.0 200 OK", body=END), "choice"),
    *map(status_line, (
        "HTTP/2.0 200 OK", "HTTP/1.2 200 OK", "HTTP/0.9 200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK",
        "HTTP/1.1 099 OK", "HTTP/1.1 999 OK", "HTTP/1.1 600 OK", "HTTP/1.1 -20 OK", "HTTP/1.1 2x0 OK",
        "HTTP/1.1  200 OK", "HTTP/1.1", "HTTP/1.1 ", "http/1.1 200 OK", "HTTP/1.1\t200 OK", " HTTP/1.1 200 OK",
        "HTTP/1.1 200 O\0K", "HTTP/1.1 200 O\rK", "HTTP/1.1 200 O\x1bK", "HTTPS/1.1 200 OK", "200 OK", "",
    )),
    refused("no status line", "hello\r\n\r\n"),
    refused("HTTP/0.9", "<p>hello</p>", ends=True),
    refused("a banner of another protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n", ends=True),
    refused("an alert of TLS", b"\x15\x03\x01\x00\x02\x02\x46", ends=True),
    refused("nothing", "", ends=True),
    refused("a part of a head", "HTTP/1.1 200 OK\r\nContent-Le", ends=True),
    refused("a head without its end", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", ends=True),
    refused("a folded line", answer("X: a\r\n b", "Content-Length: 0"), "choice"),
    refused("a blank before the colon", answer("X : a", "Content-Length: 0"), "choice"),
    refused("no name", answer(": a", "Content-Length: 0")),
    refused("no colon", answer("X", "Content-Length: 0")),
    refused("a blank in a name", answer("X Y: a", "Content-Length: 0")),
    refused("NUL in a value", answer("X: a\0b", "Content-Length: 0")),
    refused("CR in a value", answer("X: a\rb", "Content-Length: 0"), "choice"),
    refused("a control byte in a value", answer("X: a\x01b", "Content-Length: 0"), "choice"),
    refused("bare LF", answer("X: a\nY: b", "Content-Length: 0"), "choice"),
    refused("bare LF everywhere", answer("Content-Length: 0").replace(b"\r\n", b"\n"), "choice"),
    refused("300,000 bytes of fields", answer(*[f"X: {'x' * 1000}"] * 300, "Content-Length: 0"), "own"),
    refused("5,000 fields", answer(*["X: y"] * 5000, "Content-Length: 0"), "own"),
    refused("interim answers without an end", answer(first="HTTP/1.1 103 Early Hints") * 200, "own"),
    refused("101 that nobody asked for",
            answer("Upgrade: websocket", "Connection: Upgrade", first="HTTP/1.1 101 Switching Protocols")),
    refused("a bad answer behind an interim one",
            answer(first="HTTP/1.1 103 Early Hints") + answer("Content-Length: +5", body="hello")),
]

BODIES = [
    breaks("shorter than its length", answer("Content-Length: 10", body="hello"), ends=True),
    breaks("a length and no body", answer("Content-Length: 10"), ends=True),
    breaks("no last chunk", chunks("5\r\nhello\r\n"), ends=True),
    breaks("the last chunk's size alone", chunks("5\r\nhello\r\n0\r\n"), ends=True),
    breaks("a part of a chunk", chunks("a\r\nhello"), ends=True),
    *(breaks(f"a chunk's size of {size!r}", chunks(f"{size}\r\nhello\r\n{END}"))
      for size in ("+5", "-5", "0x5", " 5", "5 ", "5_", "g", "", "00000000000000005", "5;a\0", "5;" + "a" * 300)),
    breaks("LF behind a chunk's size", chunks(f"5\nhello\r\n{END}"), "choice"),
    breaks("no end of a chunk", chunks(f"5\r\nhello{END}")),
    breaks("LF behind a chunk", chunks(f"5\r\nhello\n{END}")),
    breaks("one byte too many", chunks(f"5\r\nhellox\r\n{END}")),
    breaks("a length as a trailer", chunks("5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n"), "choice"),
    breaks("a trailer without a colon", chunks("5\r\nhello\r\n0\r\nX\r\n\r\n"), "choice"),
    breaks("an answer in the place of trailers", chunks(f"5\r\nhello\r\n0\r\n{POISON}"), ends=True),
]

RELAYED = [
    relayed("a length", answer("Content-Length: 5", body="hello"), "hello", kept=True),
    relayed("chunks", chunks(f"5\r\nhello\r\n{END}"), "hello", kept=True),
    relayed("CHUNKED", answer("Transfer-Encoding: CHUNKED", body=f"5\r\nhello\r\n{END}"), "hello", kept=True),
    relayed("until the end", answer(body="hello"), "hello", ends=True),
    relayed("HTTP/1.0", answer("Content-Length: 5", first="HTTP/1.0 200 OK", body="hello"), "hello"),
    relayed("no reason", answer("Content-Length: 5", first="HTTP/1.1 200", body="hello"), "hello", kept=True),
    relayed("one length twice", answer("Content-Length: 5", "Content-Length: 5", body="hello"), "hello", "choice",
            fields={"Content-Length": ("5",)}, kept=True),
    relayed("zeros before a length", answer("Content-Length: 005", body="hello"), "hello", "choice",
            fields={"Content-Length": ("5",)}, kept=True),
    relayed("an answer behind a length", answer("Content-Length: 5", body="hello" + POISON), "hello"),
    relayed("an answer behind a length of 0", answer("Content-Length: 0", body=POISON), ""),
    relayed("an answer behind the last chunk", chunks(f"5\r\nhello\r\n{END}{POISON}"), "hello"),
    relayed("an empty line behind a length", answer("Content-Length: 5", body="hello\r\n"), "hello"),
    relayed("an answer behind 204", answer(first="HTTP/1.1 204 No Content", body=POISON), "", status=204),
    relayed("an answer behind 304", answer("Content-Length: 54", first="HTTP/1.1 304 Not Modified", body=POISON), "",
            status=304),
    relayed("a body of 204", answer("Content-Length: 54", first="HTTP/1.1 204 No Content", body=POISON), "", "choice",
            status=204),
    relayed("chunks of 204", answer("Transfer-Encoding: chunked", first="HTTP/1.1 204 No Content", body=END), "",
            "choice", status=204, fields={"Transfer-Encoding": ()}),
    relayed("a body for HEAD", answer("Content-Length: 54", body=POISON), "", method="HEAD"),
    relayed("chunks for HEAD", chunks(END), "", method="HEAD"),
    relayed("an interim answer", answer(first="HTTP/1.1 103 Early Hints") + answer("Content-Length: 5", body="hello"),
            "hello", kept=True),
    relayed("100 that nobody asked for",
            answer(first="HTTP/1.1 100 Continue") + answer("Content-Length: 5", body="hello"), "hello", kept=True),
    relayed("an interim answer with a length",
            answer("Content-Length: 54", first="HTTP/1.1 103 Early Hints") + answer("Content-Length: 5", body="hello"),
            "hello", "choice", kept=True),
    relayed("what Connection names", answer("Connection: x-a", "X-A: 1", "Content-Length: 5", body="hello"), "hello",
            fields={"X-A": ()}, kept=True),
    relayed("Connection names Content-Length", answer("Connection: content-length", "Content-Length: 5", body="hello"),
            "hello", "choice", kept=True),
    *(relayed(line.partition(":")[0], answer(line, "Content-Length: 5", body="hello"), "hello", kept=True,
              fields={line.partition(":")[0]: ()})
      for line in ("Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "TE: trailers", "Upgrade: h2c")),
    relayed("two cookies", answer("Set-Cookie: a=1", "Set-Cookie: b=2", "Content-Length: 0"), "",
            fields={"Set-Cookie": ("a=1", "b=2")}, kept=True),
    relayed("X-Request-Id of the upstream", answer("X-Request-Id: theirs", "Content-Length: 0"), "", "own",
            fields={"X-Request-Id": lambda found: len(found) == 1 and found[0] != "theirs"}, kept=True),
]

CASES = HEADS + BODIES + RELAYED
