//go:build linux && amd64 && !noxla

#define _GNU_SOURCE // memmem

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "_cgo_export.h"
#include "table.h"

static const Table *plugin;

// gsmlab_xla_table loads a plugin and returns a copy of its table in which Client_Compile is ours,
// or NULL if the plugin does not load or has another major version.
const Table *gsmlab_xla_table(const char *path) {
	void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
	if (!library)
		return NULL;
	const Table *(*get)(void) = (const Table *(*)(void))dlsym(library, "GetPjrtApi");
	const Table *table = get ? get() : NULL;
	if (!table || table->version.major_version != 0 || table->struct_size < sizeof *table)
		return NULL;
	Table *ours = malloc(table->struct_size); // for as long as the process lives
	if (!ours)
		return NULL;
	memcpy(ours, table, table->struct_size);
	ours->Client_Compile = gsmlabXLACompile;
	plugin = table;
	return ours;
}

PJRT_Error *gsmlab_xla_compile(PJRT_Client_Compile_Args *args) { return plugin->Client_Compile(args); }

// failed says whether a call failed, and frees its error.
static int failed(PJRT_Error *error) {
	if (!error)
		return 0;
	PJRT_Error_Destroy_Args args = {.struct_size = sizeof args, .error = error};
	plugin->Error_Destroy(&args);
	return 1;
}

// gsmlab_xla_load makes an executable of what gsmlab_xla_save has returned, or returns NULL.
PJRT_LoadedExecutable *gsmlab_xla_load(PJRT_Client *client, const void *bytes, size_t size) {
	PJRT_Executable_DeserializeAndLoad_Args args = {
		.struct_size = sizeof args, .client = client, .serialized_executable = bytes, .serialized_executable_size = size};
	return failed(plugin->Executable_DeserializeAndLoad(&args)) ? NULL : args.loaded_executable;
}

// uses_onednn says whether an executable calls oneDNN, or whether that cannot be found out.
static int uses_onednn(PJRT_Executable *executable) {
	PJRT_Program program = {.struct_size = sizeof program};
	PJRT_Executable_OptimizedProgram_Args args = {.struct_size = sizeof args, .executable = executable, .program = &program};
	if (failed(plugin->Executable_OptimizedProgram(&args)) || !(program.code = malloc(program.code_size)))
		return 1;
	static const char call[] = "__onednn$"; // how the names of XLA's calls of oneDNN begin
	int uses = failed(plugin->Executable_OptimizedProgram(&args)) ||
		memmem(program.code, program.code_size, call, strlen(call)) != NULL;
	free(program.code);
	return uses;
}

// gsmlab_xla_save returns an executable as bytes. XLA's CPU plugin ends the process with a
// segmentation fault if it is asked to save a call of oneDNN, so it is not asked.
Saved gsmlab_xla_save(PJRT_LoadedExecutable *loaded) {
	Saved saved = {0};
	PJRT_LoadedExecutable_GetExecutable_Args get = {.struct_size = sizeof get, .loaded_executable = loaded};
	if (failed(plugin->LoadedExecutable_GetExecutable(&get)))
		return saved;
	if (!uses_onednn(get.executable)) {
		PJRT_Executable_Serialize_Args args = {.struct_size = sizeof args, .executable = get.executable};
		if (!failed(plugin->Executable_Serialize(&args)))
			saved = (Saved){args.serialized_bytes, args.serialized_bytes_size, args.serialized_executable, args.serialized_executable_deleter};
	}
	PJRT_Executable_Destroy_Args destroy = {.struct_size = sizeof destroy, .executable = get.executable};
	failed(plugin->Executable_Destroy(&destroy));
	return saved;
}

void gsmlab_xla_free(Saved saved) {
	if (saved.deleter)
		saved.deleter(saved.owner);
}
