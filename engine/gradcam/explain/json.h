#pragma once

#include <nlohmann/json.hpp>
#include <span>

#include "gradcam/explain/heatmap.h"
#include "gradcam/image/resize.h"
#include "gradcam/vgg16/vgg16.h"

/// Results as JSON, spelt alike on the command line and in the page. Private to those two: the
/// library's own interface has no JSON in it.
namespace gradcam {

using Json = nlohmann::ordered_json;

/// {"code": "corrupt_image", "message": "..."}
Json to_json(const Error& error);

/// {"x": 0, "y": 28, "width": 224, "height": 224}
Json to_json(const Box& box);

/// [{"label": "beagle", "index": 0, "probability": 0.93, "logit": 8.1}, ...]
Json to_json(std::span<const Prediction> predictions, const ModelInfo& info);

/// What a photo shows if it shows none of the classes: {"label": "another breed", "probability":
/// 0.05}. Null if the model does not know such photos.
Json others_to_json(float probability, const ModelInfo& info);

/// {"rows": 14, "cols": 14, "status": "ok" | "empty" | "non_finite", "maximum": of the raw map,
/// "values": [...]}
Json to_json(const Heatmap& map);

/// {"architecture": "vgg16", "labels": [...], "classes": 15, "others": "another breed" or "",
/// "parameters": n, "multiply_adds": n, "preprocess": {...}, "temperature": 1, "unsure_below": 0.9,
/// "fingerprint": 16 hexadecimal digits, "source": "...", "license": "...", "layers": [{"name":
/// "block1_conv1", "output": [...], "weight": [...], "dtype": "F16", "algorithm": "winograd"},
/// ...]}
Json to_json(const ModelInfo& info);

/// One line of text; bytes that are not UTF-8, as file names may have, are replaced.
std::string dump(const Json& json);

}  // namespace gradcam
