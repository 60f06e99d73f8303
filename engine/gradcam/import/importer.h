#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gradcam/image/preprocess.h"
#include "gradcam/import/foreign.h"
#include "gradcam/import/pickle.h"
#include "gradcam/import/window.h"
#include "gradcam/tensor/error.h"
#include "gradcam/weights/safetensors.h"

namespace gradcam {

/// Whether a file that begins so, 8 bytes being enough, is of a kind that ModelImporter reads:
/// HDF5, a zip archive, a pickle, or ONNX. No safetensors file is.
bool is_foreign_model(std::span<const std::uint8_t> first_bytes);

struct ImportOptions {
  std::string source = {};                    ///< What the new file says of where it comes from.
  std::optional<Preprocess> preprocess = {};  ///< In the place of what its program is known for;
                                              ///< sides and the rule of resizing do not count.
  /// The classes' names, if not empty. A file without its top, which is refused otherwise, gets
  /// untrained dense layers for them, with `width` outputs of fc1 and fc2, 4096 if it is not set;
  /// a file with a top refuses a width.
  std::vector<std::string> labels = {};
  std::optional<std::size_t> width = {};
  /// Finds the file that has an ONNX file's weights, where that has them not (external_data). What
  /// is wanted of it comes behind the old file's bytes, as if the two were one.
  FindBeside find_beside = {};
};

/// What a network was trained with, by a name: "keras" (BGR, means subtracted), "torchvision" (RGB,
/// mean and deviation) or "unit" (RGB from 0 to 1, as after rescale=1/255); nothing for any other.
std::optional<Preprocess> preprocess_from_name(std::string_view name);

/// Makes a safetensors file with float32 of a VGG16 file of Keras, PyTorch or ONNX. Without I/O: it
/// is given the parts of the old file that it asks for, and gives the new one from the first byte
/// to the last.
///
/// A top of one or two dense layers, or behind an average over all positions, becomes the three
/// dense layers that a VGG16 has here, which compute the same:
///  - an average is a matrix in front of the first dense layer's, so the two are one;
///  - of what a ReLU has left over, the identity with another ReLU leaves all: it is the layer
///    that two are short of;
///  - a single layer y = W x + b is max(y, 0) - max(-y, 0): fc1 has W and -W, and `predictions`
///    subtracts.
/// A single output is the logit of the second of two classes.
/// Batch normalisation becomes part of the layer before it or, behind a ReLU, after it.
class ModelImporter {
 public:
  ModelImporter(std::uint64_t file_bytes, ImportOptions options);

  /// What `provide` takes next of the old file, perhaps no bytes; none at the end.
  std::optional<FileRange> wanted() const;

  /// Takes what is wanted and gives the next bytes of the new file, perhaps none, which are valid
  /// until the next call. kCorruptModel or kUnsupportedFormat, with what was found and expected,
  /// for what is no VGG16; kCorruptModel for values that are not finite; kInvalidArgument for
  /// labels that no file may have, or that are not as many as there are classes.
  Result<std::span<const std::uint8_t>> provide(std::span<const std::uint8_t> bytes);

  /// Of the new file; 0 until its first bytes are given.
  std::uint64_t file_bytes() const { return file_bytes_; }

 private:
  /// What a tensor of the new file is made of.
  struct NewTensor {
    enum class Make {
      kArray,       ///< of the old file
      kIdentity,    ///< [i][j]: i is j
      kDifference,  ///< [i][j]: 1 if j is i, -1 if j is i plus all outputs
      kRandom,      ///< He's initial weights
      kZeros,
    };
    TensorInfo info;
    Make make = Make::kArray;
    ForeignArray from = {};    ///< of kArray
    bool by_columns = false;   ///< outputs are the columns of the array
    std::size_t side = 0;      ///< if not 0, of the square that each output has for each channel
    std::size_t averaged = 1;  ///< positions that each number of a row stands for
    std::optional<ForeignNorm> norm = {};  ///< of the layer that it is the weight or bias of
    std::optional<ForeignNorm> input_norm = {};
    std::vector<float> factors = {1};  ///< all rows times the first, then all times the next, ...
  };

  /// The next thing to do for a tensor.
  struct Step {
    enum class Kind {
      kNorm,    ///< an array of the normalisation is read
      kRows,    ///< rows of the old file become rows of the new one
      kGather,  ///< rows of the old file are a part of columns that become rows
      kEmit,    ///< rows that have been gathered, or come from nowhere
    };
    std::size_t tensor = 0;
    Kind kind = Kind::kEmit;
    std::size_t first = 0;  ///< output; of kNorm, which array
    std::size_t count = 0;
    std::size_t inputs_first = 0;  ///< of kGather
    std::size_t inputs_count = 0;
    std::size_t panel_first = 0;  ///< the output with which what is gathered begins
    float factor = 1;
    bool of_inputs = false;  ///< of kNorm
  };

  /// What a normalisation does: x * factor + added, of each channel.
  struct Affine {
    std::vector<float> factor;
    std::vector<float> added;
  };

  static constexpr std::size_t kNormArrays = 4;

  Result<void> begin();
  Result<void> plan(ForeignVgg16 network);
  void add_dense(std::size_t layer, std::size_t outputs, std::size_t inputs, NewTensor weight,
                 NewTensor bias);
  void add_made_dense(std::size_t layer, std::size_t outputs, std::size_t inputs,
                      NewTensor::Make make, std::vector<float> factors = {1});
  void plan_untrained(std::size_t inputs);
  void plan_dense(ForeignVgg16 network, std::size_t grid);
  void plan_steps(std::size_t index);
  Result<void> read_norm(const Step& step, std::span<const std::uint8_t> bytes);
  Result<void> copy_rows(const Step& step, std::span<const std::uint8_t> bytes);
  Result<void> gather(const Step& step, std::span<const std::uint8_t> bytes);
  std::span<const float> in_order(const NewTensor& tensor, std::span<const float> row);
  void emit(const Step& step);
  static std::unexpected<Error> bad_value(const NewTensor& tensor, const std::string& where,
                                          const Error& error);
  const ForeignArray& norm_array(const Step& step) const;
  std::span<const float> normalize_inputs(std::size_t output, std::span<const float> row);
  void append_row(const NewTensor& tensor, std::size_t output, std::span<const float> row,
                  double factor);

  Window window_;
  ImportOptions options_;
  std::vector<NewTensor> tensors_;  // none until the old file has been understood
  std::vector<Step> steps_;
  std::size_t next_ = 0;
  FileRange wanted_;  // until then
  int passes_ = 0;    // through what is known of it
  KnownPickles pickles_;
  std::uint64_t file_bytes_ = 0;
  Tensor panel_;                                      // [outputs, inputs]: what has been gathered
  std::vector<float> gathered_;                       // some rows of the old file
  std::array<std::vector<float>, kNormArrays> norm_;  // as in ForeignNorm
  Affine of_outputs_;                                 // of the layer
  Affine of_inputs_;
  std::vector<double> from_inputs_;  // of each output, what its inputs' shifts add
  std::vector<float> normalized_;    // a row
  std::vector<float> row_;
  std::vector<float> unordered_;  // a row as the old file has it
  std::vector<std::uint8_t> out_;
};

}  // namespace gradcam
