#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "gradcam/image/image.h"
#include "gradcam/tensor/error.h"

namespace gradcam {

/// The largest picture that is decoded; checked against the header, before any pixel is allocated.
struct DecodeLimits {
  int max_side = 20000;
  std::int64_t max_pixels = 120'000'000;  ///< phones have cameras of 108 million
};

/// Decodes a JPEG (baseline or progressive; grey, YCbCr, RGB, and CMYK or YCCK as Adobe writes
/// them), PNG, GIF (first frame) or BMP file into upright sRGB:
/// - the EXIF orientation (JPEG APP1, PNG eXIf) is applied;
/// - transparency is composited over white, grey becomes RGB, of 16 bits the upper 8 are taken; the
///   fourth byte of a pixel in an uncompressed BMP without masks is none;
/// - colour profiles and gamma chunks are not applied.
///
/// A picture whose data end early is refused, not shown with a grey rest: a JPEG needs its
/// end-of-image marker, a PNG its IEND chunk, a GIF all of its first frame, a BMP all of its rows.
/// So is a PNG with a wrong check sum (CRC) of what makes the picture; the other formats have none.
///
/// Errors, as sentences to follow the file's name and a colon:
/// `kUnsupportedFormat` for files of another format (named, with what to do), text and empty files;
/// `kImageTooLarge` beyond the limits; `kCorruptImage` for damaged, truncated or unknown bytes;
/// `kOutOfMemory`.
Result<Image> decode_image(std::span<const std::uint8_t> bytes, const DecodeLimits& limits = {});

/// Decodes a picture of where something is, as `decode_image` does: white is what it shows, black
/// the background. Where some of a picture is transparent, it shows what is at least half opaque;
/// else what is not black, as far as a JPEG's noise lets tell: what has a channel of at least half
/// of the picture's largest value, or above 0 if that is less than 16, as of classes that are
/// counted.
///
/// `kInvalidArgument`, too, for a picture that shows nothing, and for different numbers of which
/// none is 0.
Result<Image> decode_mask(std::span<const std::uint8_t> bytes, const DecodeLimits& limits = {});

/// The format that the first bytes announce: "jpeg", "png", "gif" and "bmp", which `decode_image`
/// reads; "webp", "heic", "avif", "tiff", "jxl", "jp2", "psd", "ico", "pnm", "exr", "hdr", "raw",
/// "svg", "pdf", "video", "zip" or "hdf5", which it does not; "" for anything else.
std::string_view sniff_format(std::span<const std::uint8_t> bytes);

/// Whether `decode_image` reads that format; else the error that it gives. The first 1024 bytes of
/// a file are enough.
Result<void> check_format(std::span<const std::uint8_t> bytes);

/// An image from pixels that are decoded, of a browser or a camera: 4 values for each, not
/// premultiplied; transparency is composited over white. A row begins `stride` values behind the
/// one before, at once if that is 0; behind the last one nothing is needed.
/// `kInvalidArgument` for sizes that do not fit, `kImageTooLarge` beyond the default
/// `DecodeLimits`, `kOutOfMemory`.
Result<Image> image_from_rgba(std::span<const std::uint8_t> rgba, int width, int height,
                              std::size_t stride = 0);

}  // namespace gradcam
