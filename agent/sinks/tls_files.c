#include "agent/sinks/tls_files.h"

#include "agent/sinks/named_file.h"
#include "proctor/cleanup.h"

/* Only looks: libcurl opens it itself. */
static int check(const char *key, const char *path, struct error **error)
{
	_cleanup_close_ int fd = named_file_open(key, path, error);

	return fd < 0 ? -1 : 0;
}

int tls_files_check(const struct sink_options *options, struct error **error)
{
	const struct {
		const char *key, *path;
	} files[] = {
		{"ca_file", options->ca_file},
		{"certificate_file", options->certificate_file},
		{"key_file", options->key_file},
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (files[i].path && check(files[i].key, files[i].path, error))
			return -1;
	return 0;
}

static CURLcode use_files(const struct sink_options *options, const struct curl_library *curl, CURL *handle)
{
	const struct {
		CURLoption option;
		const char *value;
	} texts[] = {
		{CURLOPT_SSLCERT, options->certificate_file},
		{CURLOPT_SSLKEY, options->key_file},
		/* Else it would be asked for: whoever sits at the terminal would hold up all else. */
		{CURLOPT_KEYPASSWD, ""},
		/* The last two are left as they are where no file is given: a file and a directory of the
		 * system's, neither of which counts besides ours. */
		{CURLOPT_CAINFO, options->ca_file},
		{CURLOPT_CAPATH, NULL},
	};
	size_t count = sizeof(texts) / sizeof(*texts) - (options->ca_file ? 0 : 2);
	CURLcode code = CURLE_OK;

	for (size_t i = 0; !code && i < count; i++)
		code = curl->easy_setopt(handle, texts[i].option, texts[i].value);
	return code;
}

CURLcode tls_files_use(const struct sink_options *options, const struct curl_library *curl, CURL *handle)
{
	static const struct {
		CURLoption option;
		long value;
	} numbers[] = {
		{CURLOPT_SSL_VERIFYPEER, 1},
		{CURLOPT_SSL_VERIFYHOST, 2},
		{CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
	};
	CURLcode code = CURLE_OK;

	for (size_t i = 0; !code && i < sizeof(numbers) / sizeof(*numbers); i++)
		code = curl->easy_setopt(handle, numbers[i].option, numbers[i].value);
	return code ? code : use_files(options, curl, handle);
}
