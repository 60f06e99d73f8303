#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.h"
#include "cli/files.h"
#include "cli/import.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "gradcam/image/preprocess.h"
#include "gradcam/import/labels.h"
#include "gradcam/vgg16/loader.h"
#include "gradcam/vgg16/plan_conversion.h"
#include "gradcam/weights/convert_model.h"
#include "gradcam/weights/imagenet_labels.h"

namespace gradcam {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kImageNetDogs = "imagenet-dogs";

struct ImageNetDog {
  std::string_view label;
  std::size_t index;  // among the 1000 classes of ImageNet
};

// The breeds of the default model, in its order.
constexpr std::array kDogs = {
    ImageNetDog{"beagle", 162},
    ImageNetDog{"golden_retriever", 207},
    ImageNetDog{"samoyed", 258},
    ImageNetDog{"shih_tzu", 155},
    ImageNetDog{"old_english_sheepdog", 229},
    ImageNetDog{"border_terrier", 182},
    ImageNetDog{"rhodesian_ridgeback", 159},
    ImageNetDog{"english_springer", 217},
    ImageNetDog{"australian_terrier", 193},
    ImageNetDog{"pug", 254},
    ImageNetDog{"siberian_husky", 250},
    ImageNetDog{"bernese_mountain_dog", 239},
    ImageNetDog{"pembroke_welsh_corgi", 263},
    ImageNetDog{"german_shepherd", 235},
    ImageNetDog{"pomeranian", 259},
};

struct ConvertCommand {
  fs::path in;
  fs::path out;
  std::string dtype;  ///< empty: what the file has
  fs::path labels;
  std::string head;
  std::string values;
  std::optional<std::size_t> width;
};

Result<std::vector<std::string>> read_labels(const fs::path& path) {
  GRADCAM_TRY(const auto bytes, of_file(path, read_file(path)));
  return of_file(path, parse_labels({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
}

/// Of ImageNet's 1000 classes the 15 breeds of the default model, and the others together.
Result<void> keep_imagenet_dogs(std::size_t classes, ConvertOptions& options) {
  if (classes != kImageNetClasses) {
    return fail(ErrorCode::kInvalidArgument,
                "--head " + std::string(kImageNetDogs) + " needs a model of the 1000 classes " +
                    "of ImageNet, but this one has " + std::to_string(classes));
  }
  for (const ImageNetDog& dog : kDogs) {
    options.classes.push_back(dog.index);
    options.metadata.labels.emplace_back(dog.label);
  }
  options.others = true;
  options.metadata.others = kUnnamedOthers;
  return {};
}

/// What the new file is to be, from what the old one says and the command asks for.
Result<ConvertOptions> plan(SafetensorsHeader header, const ConvertCommand& command,
                            const std::vector<std::string>& labels) {
  const auto precision = precision_from_name(command.dtype);
  const bool new_labels = !command.labels.empty() || !command.head.empty();
  if (new_labels) header.metadata.erase("labels");
  GRADCAM_TRY(ConvertOptions options, plan_conversion(header, precision, {}));
  if (!new_labels) return options;
  GRADCAM_TRY(const Vgg16Loader loader, Vgg16Loader::begin(std::move(header)));
  std::size_t classes = loader.info().metadata.labels.size();
  if (!command.head.empty()) {
    GRADCAM_CHECK_OK(keep_imagenet_dogs(classes, options));
    classes = options.classes.size();
  }
  if (!labels.empty()) {
    GRADCAM_CHECK_OK(of_file(command.labels, check_labels(labels, classes)));
    options.metadata.labels = labels;
  }
  return options;
}

/// Converts a safetensors file.
Result<void> convert_file(const ConvertCommand& command, const ImportingConverter::Plan& plan,
                          const WritePart& write) {
  if (!command.values.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "--values is for files of Keras, PyTorch and ONNX, which do not tell; it is none");
  }
  if (command.width) {
    return fail(ErrorCode::kInvalidArgument, "--width is for files without their top; it has one");
  }
  GRADCAM_TRY(ModelFile in, ModelFile::open(command.in));
  GRADCAM_TRY(const ConvertOptions options, plan(in.header()));
  GRADCAM_TRY(ModelConverter converter, ModelConverter::create(in.header(), options));
  return convert_model(
      converter,
      [&in](std::uint64_t offset, std::span<std::uint8_t> bytes) { return in.read(offset, bytes); },
      [&](std::span<const std::uint8_t> bytes) { return write(bytes, converter.file_bytes()); });
}

/// Converts a file of Keras, PyTorch or ONNX.
Result<void> import_file(const ConvertCommand& command, const std::vector<std::string>& labels,
                         const ImportingConverter::Plan& plan, const WritePart& write) {
  ImportOptions options{.preprocess = preprocess_from_name(command.values),
                        .labels = command.head.empty() ? labels : std::vector<std::string>(),
                        .width = command.width};
  return import_model(command.in, command.out, std::move(options), plan, write);
}

Result<void> run_convert(const ConvertCommand& command) {
  std::error_code error;
  if (fs::equivalent(command.in, command.out, error)) {
    return fail(ErrorCode::kInvalidArgument,
                command.out.string() + " is the file that is to be converted; choose another name");
  }
  if (fs::equivalent(command.labels, command.out, error)) {
    return fail(ErrorCode::kInvalidArgument,
                command.out.string() + " is the file of labels; choose another name");
  }
  std::vector<std::string> labels;
  if (!command.labels.empty()) {
    GRADCAM_TRY(labels, read_labels(command.labels));
  }
  const auto options = [&](const SafetensorsHeader& header) {
    return plan(header, command, labels);
  };
  catch_interrupt();
  std::optional<NewFile> out;
  std::uint64_t written = 0;
  Result<void> writing;
  const auto write = [&](std::span<const std::uint8_t> bytes, std::uint64_t file_bytes) {
    if (!out) {
      auto created = NewFile::create(command.out, file_bytes);
      if (created) {
        out.emplace(*std::move(created));
      } else {
        writing = std::unexpected(created.error());
      }
    }
    if (writing) writing = out->write(bytes);
    if (writing && is_interrupted()) {
      writing =
          fail(ErrorCode::kCancelled, command.out.string() + " is not written: it was interrupted");
    }
    written += bytes.size();
    if (writing) show_progress(written, file_bytes, "MB", 1e6);
    return writing;
  };
  const auto status = is_foreign_model(command.in) ? import_file(command, labels, options, write)
                                                   : convert_file(command, options, write);
  if (!writing) return std::unexpected(writing.error());
  GRADCAM_CHECK_OK(of_file(command.in, status));
  GRADCAM_CHECK_OK(out->commit());
  std::printf("%s: %s%s%.1f MB", printable(command.out.string()).c_str(), command.dtype.c_str(),
              command.dtype.empty() ? "" : ", ", static_cast<double>(written) / 1e6);
  // Of ONNX the weights may be in another file.
  if (!is_foreign_model(command.in)) {
    std::printf(" (%s has %.1f MB)", printable(command.in.string()).c_str(),
                static_cast<double>(fs::file_size(command.in, error)) / 1e6);
  }
  std::printf("\n");
  return {};
}

}  // namespace

void add_convert(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ConvertCommand>();
  CLI::App* command = app.add_subcommand("convert",
                                         "Write a model again: files of Keras (.h5, .keras), "
                                         "PyTorch (.pth) and ONNX, names of torchvision "
                                         "or timm to ours, smaller numbers, other labels.");
  add_path_option(*command, "in", options->in, "A model file")->required();
  add_path_option(*command, "out", options->out, "The new safetensors file")->required();
  command
      ->add_option("--dtype", options->dtype,
                   "Numbers: f32; f16, half the size; int8, a quarter; int4, a fifth to a seventh "
                   "(default: as a safetensors file has them; f32 of other files)")
      ->transform(one_of({"f32", "f16", "int8", "int4"}));
  add_path_option(*command, "--labels", options->labels,
                  "The classes' names: a line each, a JSON list, or Keras's class index");
  command
      ->add_option(
          "--values", options->values,
          "Of files of Keras, PyTorch and ONNX, what the network was trained with: keras (BGR, "
          "means subtracted; Keras's files are taken for that), torchvision (RGB, mean and "
          "deviation; PyTorch's) or unit (RGB from 0 to 1, as after rescale=1/255)")
      ->transform(one_of({"keras", "torchvision", "unit"}));
  command
      ->add_option("--width", options->width,
                   "Of a file without its top, outputs of fc1 and fc2, which come untrained, for "
                   "the classes of --labels (default: 4096)")
      ->check(between(1, 65536));
  command
      ->add_option("--head", options->head,
                   "imagenet-dogs: of ImageNet's 1000 classes, keep the 15 breeds of the default "
                   "model; the rest together are \"" +
                       std::string(kUnnamedOthers) + "\"")
      ->transform(one_of({std::string(kImageNetDogs)}));
  command->callback([options, &exit_code] {
    const auto status = run_convert(*options);
    if (!status) exit_code = report_failure(status.error());
  });
}

}  // namespace gradcam
