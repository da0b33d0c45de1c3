package pjrt

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gomlx/go-xla/installer"
)

// cudaWheel is JAX's CUDA 13 plugin.
var cudaWheel = wheel{"jax-cuda13-pjrt", "0.11.2", "e5ff589d43064913bb74027682d89639c7ea48f9f81c2bae6fc75117e913f93e"}

// cudaLibraries are the NVIDIA libraries that the plugin loads, 2.2 GiB to download. go-xla's
// CudaInstall takes the newest version of each; these are pinned, so that every machine has the
// same.
var cudaLibraries = []wheel{
	{"nvidia-cublas", "13.10.0.20", "dcc6d63884c53d07e267ce7e6feac17b2538cebaafec5db865736c3e28e4dc84"},
	{"nvidia-cuda-crt", "13.5.37", "e898b7f73d3035fa89915a3f7bf3b54a73e90249746111aed295822c4729bb29"},
	{"nvidia-cuda-cupti", "13.5.25", "9dcca41c12a734192b14e7128ae116bc9ce1b9da686e2ebf48ae7a4415f76650"},
	{"nvidia-cuda-nvcc", "13.5.37", "f5c4f7ead5d964fb4af42bbf1e6d3ec3c1e6e9d83b53749f691d387e7fcaa3a7"},
	{"nvidia-cuda-nvrtc", "13.5.37", "86b4d68058807988b7d9af5b44917a0601e9c337f35ccd657bfb3c759ff8d8bc"},
	{"nvidia-cuda-runtime", "13.5.37", "df2b79a8852f10d1fef8c848489c49eebb5754051bf870202a862831412b179d"},
	{"nvidia-cudnn-cu13", "9.28.1.4", "a54f205b1db1f2895d99f398754db1369816f0569dd459731f925635cf7b65ec"},
	{"nvidia-cufft", "12.5.0.14", "b8be26837a5abad2b5b74f3e92dd29f622a42934b355be0961a48712cbba23ad"},
	{"nvidia-cusolver", "12.4.1.2", "b3b8e02fd2f2df869369af075dc3a179d43f6f7b85e94632a7dce556697be044"},
	{"nvidia-cusparse", "12.9.4.2", "072667e58c851a318738f5527a12eb225cbf058803f2ea451c722d8cf8edddec"},
	{"nvidia-nccl-cu13", "2.32.3", "1459723080ac889d73a26edfa3e04383a7928ab31ac8f0ec43b3ea9548b04ff3"},
	{"nvidia-nvjitlink", "13.5.37", "280d7cb9649704145f074b8dbde500de04ce02d0872e066e20a83c17bcaa93eb"},
	{"nvidia-nvshmem-cu13", "3.8.0", "81a4d1f666543e6d34df6d2ff940c7da1435e34e186aab6f3c2b48861b64ef38"},
	{"nvidia-nvvm", "13.5.37", "c41bfa362e407405163f103c2229f0765f8cc2ed7d148b754dc77f228bf7e070"},
}

// fetchCUDA stages the CUDA plugin and its libraries in the layout of go-xla's installer:
//
//	go-xla/nvidia/pjrt_c_api_cuda_plugin.so   looks for its libraries in $ORIGIN/../nvidia
//	go-xla/nvidia/cu13/lib, cudnn/lib, ...    the libraries
//	go-xla/nvidia/bin/ptxas                   XLA looks for it in the folder's bin
//	libcublas.so.13, libcublasLt.so.13        links for the two that are looked up outside
func fetchCUDA(ctx context.Context, stage string, say func(string)) (plugin, version string, err error) {
	nvidia := filepath.Join(stage, "go-xla", "nvidia")
	if err := os.MkdirAll(filepath.Join(nvidia, "bin"), 0o755); err != nil {
		return "", "", err
	}
	say(fmt.Sprintf("downloading NVIDIA's CUDA libraries, %d packages, 2.2 GiB", len(cudaLibraries)))
	for _, w := range cudaLibraries {
		file, err := w.fetch(ctx, stage, say)
		if err != nil {
			return "", "", err
		}
		if err := installer.ExtractDirFromZip(file, "nvidia", nvidia); err != nil {
			return "", "", fmt.Errorf("unpacking %s: %w", w, err)
		}
		if err := os.Remove(file); err != nil {
			return "", "", err
		}
		say("unpacked " + w.String())
	}
	file, err := cudaWheel.fetch(ctx, stage, say)
	if err != nil {
		return "", "", err
	}
	plugin = filepath.Join("go-xla", "nvidia", "pjrt_c_api_cuda_plugin.so")
	if err := installer.ExtractFileFromZip(file, "xla_cuda_plugin.so", filepath.Join(stage, plugin)); err != nil {
		return "", "", fmt.Errorf("unpacking %s: %w", cudaWheel, err)
	}
	if err := os.Remove(file); err != nil {
		return "", "", err
	}
	return plugin, cudaWheel.String(), linkCUDA(stage, nvidia)
}

// linkCUDA makes the links of the layout. All are relative, so that they survive the move.
func linkCUDA(stage, nvidia string) error {
	if err := os.Chmod(filepath.Join(nvidia, "cu13", "bin", "ptxas"), 0o755); err != nil {
		return err
	}
	links := map[string]string{filepath.Join(nvidia, "bin", "ptxas"): filepath.Join("..", "cu13", "bin", "ptxas")}
	for _, lib := range []string{"libcublas.so.13", "libcublasLt.so.13"} {
		links[filepath.Join(stage, lib)] = filepath.Join("go-xla", "nvidia", "cu13", "lib", lib)
	}
	for link, target := range links {
		if err := os.Symlink(target, link); err != nil {
			return err
		}
	}
	return nil
}
