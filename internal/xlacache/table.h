// The beginning of PJRT's table of functions and the arguments of those that we call, as XLA's
// pjrt_c_api.h declares them (https://github.com/openxla/xla, Apache 2.0). XLA adds fields only at
// the end of a struct and never moves one within a major version, so the beginning is enough.
#pragma once

#include <stddef.h>

typedef struct PJRT_Error PJRT_Error;
typedef struct PJRT_Client PJRT_Client;
typedef struct PJRT_Executable PJRT_Executable;
typedef struct PJRT_LoadedExecutable PJRT_LoadedExecutable;
typedef struct PJRT_SerializedExecutable PJRT_SerializedExecutable;

typedef struct {
	size_t struct_size;
	void *extension_start;
	PJRT_Error *error;
} PJRT_Error_Destroy_Args;

typedef struct {
	size_t struct_size;
	void *extension_start;
	char *code;
	size_t code_size;
	const char *format;
	size_t format_size;
} PJRT_Program;

typedef struct {
	size_t struct_size;
	void *extension_start;
	PJRT_Client *client;
	const PJRT_Program *program;
	const char *compile_options; // a CompileOptionsProto
	size_t compile_options_size;
	PJRT_LoadedExecutable *executable; // out
} PJRT_Client_Compile_Args;

typedef struct {
	size_t struct_size;
	void *extension_start;
	PJRT_Executable *executable;
} PJRT_Executable_Destroy_Args;

typedef struct {
	size_t struct_size;
	void *extension_start;
	PJRT_Executable *executable;
	PJRT_Program *program; // out; without a buffer for the code, only its size
} PJRT_Executable_OptimizedProgram_Args;

typedef struct {
	size_t struct_size;
	void *extension_start;
	const PJRT_Executable *executable;
	const char *serialized_bytes;                                         // out
	size_t serialized_bytes_size;                                         // out
	PJRT_SerializedExecutable *serialized_executable;                     // out, owns the bytes
	void (*serialized_executable_deleter)(PJRT_SerializedExecutable *exe); // out
} PJRT_Executable_Serialize_Args;

typedef struct {
	size_t struct_size;
	void *extension_start;
	PJRT_LoadedExecutable *loaded_executable;
	PJRT_Executable *executable; // out
} PJRT_LoadedExecutable_GetExecutable_Args;

typedef struct {
	size_t struct_size;
	void *extension_start;
	PJRT_Client *client;
	const char *serialized_executable;
	size_t serialized_executable_size;
	PJRT_LoadedExecutable *loaded_executable; // out
	const char *overridden_serialized_compile_options;
	size_t overridden_serialized_compile_options_size;
} PJRT_Executable_DeserializeAndLoad_Args;

// Table is PJRT_Api. The arrays are functions that we do not call; their sizes are counted from
// XLA's header.
typedef struct {
	size_t struct_size;
	void *extension_start;
	struct {
		size_t struct_size;
		void *extension_start;
		int major_version;
		int minor_version;
	} version;
	PJRT_Error *(*Error_Destroy)(PJRT_Error_Destroy_Args *);
	void *error_message_to_addressable_memories[19];
	PJRT_Error *(*Client_Compile)(PJRT_Client_Compile_Args *);
	void *client_assignment_to_memory_devices[19];
	PJRT_Error *(*Executable_Destroy)(PJRT_Executable_Destroy_Args *);
	void *executable_name_to_output_memory_kinds[7];
	PJRT_Error *(*Executable_OptimizedProgram)(PJRT_Executable_OptimizedProgram_Args *);
	PJRT_Error *(*Executable_Serialize)(PJRT_Executable_Serialize_Args *);
	void *loaded_destroy;
	PJRT_Error *(*LoadedExecutable_GetExecutable)(PJRT_LoadedExecutable_GetExecutable_Args *);
	void *loaded_devices_to_execute[4];
	PJRT_Error *(*Executable_DeserializeAndLoad)(PJRT_Executable_DeserializeAndLoad_Args *);
} Table;

// Saved is an executable as bytes, which free_saved frees; bytes is NULL if it cannot be saved.
typedef struct {
	const char *bytes;
	size_t size;
	PJRT_SerializedExecutable *owner;
	void (*deleter)(PJRT_SerializedExecutable *exe);
} Saved;

const Table *gsmlab_xla_table(const char *path);
PJRT_Error *gsmlab_xla_compile(PJRT_Client_Compile_Args *args);
PJRT_LoadedExecutable *gsmlab_xla_load(PJRT_Client *client, const void *bytes, size_t size);
Saved gsmlab_xla_save(PJRT_LoadedExecutable *loaded);
void gsmlab_xla_free(Saved saved);
