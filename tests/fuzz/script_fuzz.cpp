// libFuzzer target: any pickle, and behind it any code, as an archive of TorchScript has both. Each
// text of the code begins with a line that has its path, "#code/__torch__/x.py".

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "fuzz/promises.h"
#include "gradcam/import/pickle.h"
#include "gradcam/import/pytorch_tensors.h"
#include "gradcam/import/script_network.h"
#include "gradcam/import/script_reader.h"

namespace gradcam {
namespace {

/// What the tensors of tests/fixtures/models are called.
ForeignVgg16 network() {
  ForeignVgg16 network;
  const auto layer = [](const std::string& name, Shape shape) {
    return ForeignLayer{.weight = {.name = name + ".weight", .shape = std::move(shape)},
                        .bias = {.name = name + ".bias", .shape = {1}}};
  };
  int module = 0;
  for (const int convs : kConvsOfBlock) {
    for (int i = 0; i < convs; ++i, module += 2) {
      network.convs.push_back(layer("features." + std::to_string(module), {1, 1, 3, 3}));
    }
    ++module;
  }
  for (const char* name : {"classifier.1", "classifier.3", "classifier.5"}) {
    network.dense.push_back(layer(name, {1, 1}));
  }
  return network;
}

Result<std::string> text_of(std::string_view texts, const std::string& path) {
  const std::string title = "#" + path + "\n";
  const std::size_t begin = texts.find(title);
  if (begin == std::string_view::npos) return fail(ErrorCode::kCorruptModel, "there is no text");
  texts.remove_prefix(begin + title.size());
  return std::string(texts.substr(0, texts.find("\n#")));
}

void fuzz(std::span<const std::uint8_t> bytes) {
  const auto pickle = Pickle::read(bytes);
  if (!holds(pickle)) return;
  holds(internal::read_pytorch_tensors(
      *pickle, [](const std::string&) -> Result<std::uint64_t> { return 0; }));
  const std::string code(bytes.begin() + static_cast<std::ptrdiff_t>(pickle->bytes()), bytes.end());
  const auto steps =
      internal::read_script(*pickle, [&](const std::string& path) { return text_of(code, path); });
  if (!holds(steps)) return;
  ForeignVgg16 found = network();
  holds(internal::follow_script(*steps, found));
}

}  // namespace
}  // namespace gradcam

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  gradcam::fuzz({data, size});
  return 0;
}
