// A network on a GPU, as runtime/engines/mnn_gpu.py: proven to compute there, and listened to.
//
// MNN's GPU back ends fail without a word. An operator that the GPU lacks runs on the CPU, so every
// operator is looked at. A launch or a read that fails leaves old or random values there and the
// return code 0; so what MNN prints is read after every run, and outputs must be finite.
#pragma once

#include "gpu_settings.hpp"
#include "mnn_session.hpp"

namespace deepmark {

// Load a model for these inputs, with kept kernels if there are any and they are good, and prove on
// made inputs that the GPU computes it. False where a
// library, a driver or a device is missing, it lacks what is asked for, or the proof failed;
// `error` says why in one sentence.
bool open_on_gpu(const ModelFile& model, const std::vector<Input>& inputs,
                 const EngineSettings& settings, MnnSession& mnn, GpuFacts& facts,
                 std::string& error);

// One run, with its copies: the run itself does not wait for the GPU. False where MNN, the driver
// or a value says that it failed.
bool run_on_gpu(MnnSession& mnn, std::initializer_list<const float*> inputs, const GpuFacts& facts,
                std::string& error);

}  // namespace deepmark
