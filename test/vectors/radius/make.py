"""Writes signed.txt and tunnel-passwords.txt with nothing but hashlib and hmac, from the formulas of the RFCs.

Run it in this folder: python3 make.py
"""

import hashlib
import hmac

SECRET = b"xyzzy5461"
ZEROS = bytes(16)

USER_NAME, STATE, CALLED, PROXY_STATE, STATUS_TYPE, SESSION = 1, 24, 30, 33, 40, 44
TIMESTAMP, TUNNEL_TYPE, TUNNEL_MEDIUM, EAP, AUTHENTICATOR, VLAN = 55, 64, 65, 79, 80, 81
INTERIM, NAS_ADDRESS, ERROR_CAUSE = 85, 4, 101


def attribute(kind, value):
    return bytes([kind, len(value) + 2]) + value


def integer(kind, value):
    return attribute(kind, value.to_bytes(4, "big"))


def eap_message(packet):
    """RFC 2869 5.13: at most 253 octets in each, in order."""
    return b"".join(attribute(EAP, packet[at : at + 253]) for at in range(0, len(packet), 253))


def sign(code, identifier, authenticator, attributes, digest_request=None):
    """RFC 2869 5.14, RFC 5176 3.4: the header holds `authenticator` while the HMAC is made.

    `digest_request` is what stands there while the MD5 that replaces it is made (RFC 2865 3, 2866 3,
    5176 2.3); None leaves the header as it is.
    """
    length = 20 + 18 + len(attributes)
    head = bytes([code, identifier]) + length.to_bytes(2, "big")
    blank = head + authenticator + attribute(AUTHENTICATOR, ZEROS) + attributes
    mac = hmac.new(SECRET, blank, hashlib.md5).digest()
    body = attribute(AUTHENTICATOR, mac) + attributes
    if digest_request is None:
        return head + authenticator + body
    return head + hashlib.md5(head + digest_request + body + SECRET).digest() + body


def exchange(name, code, attributes, reply_code, reply_attributes, identifier=9):
    if code in (1, 12):
        request = sign(code, identifier, bytes(range(0x30, 0x40)), attributes)
    else:
        request = sign(code, identifier, ZEROS, attributes, ZEROS)
    asked = request[4:20]
    reply = sign(reply_code, identifier, asked, reply_attributes, asked)
    return f"name     {name}\nsecret   {SECRET.decode()}\nrequest  {request.hex()}\nreply    {reply.hex()}\n"


def hide(tag, salt, password, authenticator):
    """RFC 2868 3.5."""
    clear = bytes([len(password)]) + password
    clear += bytes(-len(clear) % 16)
    salt_octets = salt.to_bytes(2, "big")
    previous, hidden = authenticator + salt_octets, b""
    for at in range(0, len(clear), 16):
        pad = hashlib.md5(SECRET + previous).digest()
        previous = bytes(x ^ y for x, y in zip(clear[at : at + 16], pad))
        hidden += previous
    return bytes([tag]) + salt_octets + hidden


def made_eap(code, identifier, octets):
    """An EAP packet of `octets` with type 21 and counting data."""
    data = bytes(at % 251 for at in range(octets - 5))
    return bytes([code, identifier]) + octets.to_bytes(2, "big") + bytes([21]) + data


alice = attribute(USER_NAME, b"alice")
session = attribute(SESSION, b"0000002A")
state = attribute(STATE, bytes(range(16)))
when = integer(TIMESTAMP, 1795939200)  # 2026-11-29 08:00:00 UTC
nas = attribute(NAS_ADDRESS, bytes([192, 0, 2, 1]))
proxied = attribute(PROXY_STATE, b"one") + attribute(PROXY_STATE, b"two")
vlan = (
    integer(TUNNEL_TYPE, 13) + integer(TUNNEL_MEDIUM, 6) + attribute(VLAN, b"42")
)
identity = bytes([2, 0, 0, 10, 1]) + b"alice"

exchanges = [
    exchange("Access-Request with EAP-Message, Access-Challenge with 600 octets in three", 1,
             alice + eap_message(identity), 11, state + eap_message(made_eap(1, 1, 600))),
    exchange("Access-Request with 300 octets of EAP in two, Access-Challenge", 1,
             alice + state + eap_message(made_eap(2, 1, 300)), 11, state + eap_message(made_eap(1, 2, 6))),
    exchange("EAP of 253 octets fits one attribute, of 254 it takes two", 1,
             alice + state + eap_message(made_eap(2, 3, 253)), 11, state + eap_message(made_eap(1, 4, 254))),
    exchange("Access-Accept with EAP-Success, Acct-Interim-Interval and a VLAN", 1,
             alice + state + eap_message(made_eap(2, 5, 6)), 2,
             eap_message(bytes([3, 5, 0, 4])) + integer(INTERIM, 600) + vlan),
    exchange("Access-Reject with EAP-Failure, Proxy-State copied in order", 1,
             alice + state + eap_message(made_eap(2, 5, 6)) + proxied, 3,
             eap_message(bytes([4, 5, 0, 4])) + proxied),
    exchange("Accounting-Request with Event-Timestamp, Accounting-Response", 4,
             integer(STATUS_TYPE, 3) + session + when, 5, b""),
    exchange("Status-Server, Access-Accept", 12, b"", 2, b""),
    exchange("Disconnect-Request, Disconnect-ACK", 40, alice + session + nas + when, 41, b""),
    exchange("Disconnect-Request through a proxy, Disconnect-NAK, Error-Cause 503", 40,
             session + when + proxied, 42, integer(ERROR_CAUSE, 503) + proxied, 0),
    exchange("Disconnect-Request, Disconnect-NAK, Error-Cause 201", 40, session + when, 42,
             integer(ERROR_CAUSE, 201), 255),
    exchange("CoA-Request with a VLAN, CoA-ACK", 43, alice + session + when + vlan, 44, b""),
    exchange("CoA-Request, CoA-NAK, Error-Cause 401", 43,
             session + attribute(CALLED, b"x") + when, 45, integer(ERROR_CAUSE, 401)),
]

authenticator = bytes(range(0xA0, 0xB0))
texts = [b"", b"a", b"fifteen-octets!", b"sixteen-octets!!", b"seventeen-octets!",
         bytes(range(31)), bytes(range(32)), bytes(range(128)), bytes(range(239))]
hidden = [
    f"name           {len(text)} octets under tag {tag}\nsecret         {SECRET.decode()}\n"
    f"authenticator  {authenticator.hex()}\nsalt           {salt:04x}\ntag            {tag}\n"
    f"password       {text.hex()}\nvalue          {hide(tag, salt, text, authenticator).hex()}\n"
    for text, salt, tag in zip(texts, [0x8000, 0x8001, 0x9ABC, 0xFFFF, 0xC0DE, 0xA5A5, 0x8100, 0xDEAD, 0xBEEF],
                               [0, 1, 2, 3, 0x1F, 0, 7, 8, 0x10])
]


def write(path, title, blocks):
    with open(path, "w", encoding="ascii") as file:
        file.write(f"# {title}\n# Made by make.py beside this file.\n" + "\n".join(blocks))


write("signed.txt", "RFC 2869 5.13, 5.14 and RFC 5176 2.3, 3.4: authenticators of requests and their answers",
      exchanges)
write("tunnel-passwords.txt", "RFC 2868 3.5: Tunnel-Password as it is hidden", hidden)
