"""Makes the JPEG files of jpeg/ and, beside each, the pixels that Pillow decodes it to (.png).

Run it in this folder with Pillow, numpy and, on the PATH, libjpeg-turbo's cjpeg and jpegtran:
    python jpeg.py
"""
import io
import os
import subprocess

import numpy as np
from PIL import Image

rng = np.random.default_rng(1)


def picture(h, w, channels=3):
    """Waves, edges and noise, in colours that change from pixel to pixel."""
    y, x = np.mgrid[0:h, 0:w]
    waves = [128 + 100 * np.sin(x / 3 + y / 7), 128 + 110 * np.cos(x / 5 - y / 2), (x * 37 + y * 59) % 256, x * 255 / w]
    a = np.stack(waves[:channels], -1) + rng.normal(0, 8, (h, w, channels))
    a[h // 3 : h // 2, w // 4 : w // 2] = [255, 0, 0, 40][:channels]
    return np.clip(a, 0, 255).astype(np.uint8)


def squares(h, w, side=16):
    """Squares of one colour each: their blocks have no waves, so that all decoders agree on the samples."""
    n, m = -(-h // side), -(-w // side)
    return np.kron(rng.integers(0, 256, (n, m, 3), dtype=np.uint8), np.ones((side, side, 1), np.uint8))[:h, :w]


def keep(name, content):
    with open(f"jpeg/{name}.jpg", "wb") as f:
        f.write(content)
    Image.open(io.BytesIO(content)).convert("RGB").save(f"jpeg/{name}.png", optimize=True)


def pillow(image, **options):
    b = io.BytesIO()
    image.save(b, "JPEG", **options)
    return b.getvalue()


def cjpeg(h, w, *options, make=picture):
    a = make(h, w)
    return subprocess.run(["cjpeg", "-quality", "85", *options], input=b"P6 %d %d 255\n" % (w, h) + a.tobytes(),
                          capture_output=True, check=True).stdout


def transformed(content, *options):
    return subprocess.run(["jpegtran", *options], input=content, capture_output=True, check=True).stdout


def with_adobe(content, transform):
    """Sets the transform of the Adobe marker, or takes the marker away if it is None."""
    at = content.index(b"\xff\xee\x00\x0eAdobe")
    if transform is None:
        return content[:at] + content[at + 16 :]
    return content[: at + 15] + bytes([transform]) + content[at + 16 :]


def without_jfif(content):
    assert content[2:4] == b"\xff\xe0"
    return content[:2] + content[4 + int.from_bytes(content[4:6], "big") :]


def sampled(content, h, w, *factors):
    """Gives a file another size and sampling: another picture of the same blocks, if their number is that."""
    at = content.index(b"\xff\xc0")
    b = bytearray(content)
    b[at + 5 : at + 9] = h.to_bytes(2, "big") + w.to_bytes(2, "big")
    for i, f in enumerate(factors):
        b[at + 11 + 3 * i] = f
    return bytes(b)


os.makedirs("jpeg", exist_ok=True)
for sampling in ["1x1", "2x1", "2x2", "1x2", "4x1", "4x2"]:
    for h, w in [(37, 51), (32, 48)]:
        keep(f"{sampling}-{h}x{w}", cjpeg(h, w, "-sample", sampling))
for h, w in [(1, 1), (2, 3), (3, 4), (3, 5), (16, 17), (17, 16), (8, 33)]:
    keep(f"2x2-{h}x{w}", cjpeg(h, w, "-sample", "2x2"))
    keep(f"2x1-{h}x{w}", cjpeg(h, w, "-sample", "2x1"))
    keep(f"1x2-{h}x{w}", cjpeg(h, w, "-sample", "1x2"))
for sampling, side in [("1x1", 8), ("2x1", 16), ("2x2", 16), ("1x2", 16), ("4x1", 32), ("4x2", 32)]:
    for h, w in [(37, 51), (64, 96), (65, 97), (33, 65)]:
        keep(f"exact-{sampling}-{h}x{w}", cjpeg(h, w, "-sample", sampling, make=lambda h, w: squares(h, w, side)))
keep("progressive", cjpeg(37, 51, "-sample", "2x2", "-progressive"))
keep("restart", cjpeg(37, 51, "-sample", "2x2", "-restart", "1"))
keep("restart-blocks", cjpeg(37, 51, "-sample", "2x2", "-restart", "2B"))
keep("grey", cjpeg(37, 51, "-grayscale"))
keep("rgb", cjpeg(37, 51, "-rgb"))
keep("adobe-rgb", with_adobe(cjpeg(37, 51, "-rgb"), 0))
keep("adobe-ycc", with_adobe(cjpeg(37, 51, "-rgb"), 1))
keep("no-jfif", without_jfif(cjpeg(37, 51, "-sample", "2x2")))
cmyk = pillow(Image.fromarray(picture(37, 51, 4), "CMYK"), quality=85)
keep("cmyk", cmyk)
keep("cmyk-no-adobe", with_adobe(cmyk, None))
keep("ycck", with_adobe(cmyk, 2))
blocks = pillow(Image.fromarray(picture(40, 40, 4), "CMYK"), quality=85)  # 25 of each component, for 10 of four, one, one and four
keep("cmyk-2x2", sampled(blocks, 31, 79, 0x22, 0x11, 0x11, 0x22))
keep("ycck-2x2", with_adobe(sampled(blocks, 31, 79, 0x22, 0x11, 0x11, 0x22), 2))
# What is not decoded. The pixels show that the files are whole.
keep("no-arithmetic", cjpeg(16, 16, "-arithmetic"))
keep("no-arithmetic-progressive", cjpeg(16, 16, "-arithmetic", "-progressive"))
keep("no-luma-1x1", cjpeg(16, 16, "-sample", "1x1,2x2,2x2"))
keep("no-cr-2x1", cjpeg(16, 16, "-sample", "2x2,1x1,2x1"))
keep("no-restart-blocks", cjpeg(37, 51, "-sample", "2x2", "-progressive", "-restart", "2B"))
