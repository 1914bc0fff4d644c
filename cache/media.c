#include "config.h"

#include "url.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct media {
	const char *extension, *type;
};

/* Sorted by extension, lower case. An extension is here when a folder's name
 * hardly ever ends in it: a name that is taken for a file can't be a folder
 * of the mount. Hence no "com" (a host), no "d", no "ism" and "smil" (folders
 * of segments), no "php" (may go on with a path). */
static const struct media table[] = {
	{ "3g2", "video/3gpp2" },
	{ "3gp", "video/3gpp" },
	{ "7z", "application/x-7z-compressed" },
	{ "aac", "audio/aac" },
	{ "ac3", "audio/ac3" },
	{ "aif", "audio/aiff" },
	{ "aifc", "audio/aiff" },
	{ "aiff", "audio/aiff" },
	{ "amr", "audio/amr" },
	{ "ape", "audio/x-ape" },
	{ "apk", "application/vnd.android.package-archive" },
	{ "apng", "image/apng" },
	{ "appimage", "application/vnd.appimage" },
	{ "arrow", "application/vnd.apache.arrow.file" },
	{ "arw", "image/x-sony-arw" },
	{ "asc", "application/pgp-signature" },
	{ "asf", "video/x-ms-asf" },
	{ "ass", "text/x-ssa" },
	{ "asx", "video/x-ms-asx" },
	{ "atom", "application/atom+xml" },
	{ "au", "audio/basic" },
	{ "avi", "video/x-msvideo" },
	{ "avif", "image/avif" },
	{ "azw", "application/vnd.amazon.ebook" },
	{ "azw3", "application/vnd.amazon.ebook" },
	{ "bin", "application/octet-stream" },
	{ "bmp", "image/bmp" },
	{ "bz2", "application/x-bzip2" },
	{ "cab", "application/vnd.ms-cab-compressed" },
	{ "caf", "audio/x-caf" },
	{ "cbr", "application/vnd.comicbook-rar" },
	{ "cbz", "application/vnd.comicbook+zip" },
	{ "cfg", "text/plain" },
	{ "chm", "application/vnd.ms-htmlhelp" },
	{ "cmfa", "audio/mp4" },
	{ "cmfv", "video/iso.segment" },
	{ "conf", "text/plain" },
	{ "cpio", "application/x-cpio" },
	{ "cr2", "image/x-canon-cr2" },
	{ "crt", "application/x-pem-file" },
	{ "css", "text/css" },
	{ "csv", "text/csv" },
	{ "cue", "application/x-cue" },
	{ "dat", "application/octet-stream" },
	{ "db", "application/vnd.sqlite3" },
	{ "deb", "application/vnd.debian.binary-package" },
	{ "dff", "audio/x-dff" },
	{ "dfxp", "application/ttml+xml" },
	{ "diff", "text/x-diff" },
	{ "divx", "video/vnd.divx" },
	{ "diz", "text/plain" },
	{ "djv", "image/vnd.djvu" },
	{ "djvu", "image/vnd.djvu" },
	{ "dll", "application/x-msdownload" },
	{ "dmg", "application/x-apple-diskimage" },
	{ "dng", "image/x-adobe-dng" },
	{ "doc", "application/msword" },
	{ "docx",
	  "application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
	{ "dsf", "audio/x-dsf" },
	{ "dts", "audio/vnd.dts" },
	{ "dv", "video/dv" },
	{ "eac3", "audio/eac3" },
	{ "ec3", "audio/eac3" },
	{ "eml", "message/rfc822" },
	{ "eot", "application/vnd.ms-fontobject" },
	{ "eps", "application/postscript" },
	{ "epub", "application/epub+zip" },
	{ "erofs", "application/x-erofs" },
	{ "exe", "application/x-msdownload" },
	{ "exr", "image/x-exr" },
	{ "f4v", "video/x-flv" },
	{ "fb2", "application/x-fictionbook+xml" },
	{ "flac", "audio/flac" },
	{ "flatpak", "application/vnd.flatpak" },
	{ "flv", "video/x-flv" },
	{ "geojson", "application/geo+json" },
	{ "gguf", "application/x-gguf" },
	{ "gif", "image/gif" },
	{ "glb", "model/gltf-binary" },
	{ "gltf", "model/gltf+json" },
	{ "gpx", "application/gpx+xml" },
	{ "gz", "application/gzip" },
	{ "h264", "video/h264" },
	{ "h265", "video/h265" },
	{ "h5", "application/x-hdf5" },
	{ "hdf5", "application/x-hdf5" },
	{ "heic", "image/heic" },
	{ "heif", "image/heif" },
	{ "hevc", "video/h265" },
	{ "htm", "text/html" },
	{ "html", "text/html" },
	{ "ico", "image/vnd.microsoft.icon" },
	{ "ics", "text/calendar" },
	{ "idx", "application/x-vobsub" },
	{ "img", "application/vnd.efi.img" },
	{ "ini", "text/plain" },
	{ "iso", "application/vnd.efi.iso" },
	{ "ivf", "video/x-ivf" },
	{ "jar", "application/java-archive" },
	{ "jfif", "image/jpeg" },
	{ "jp2", "image/jp2" },
	{ "jpe", "image/jpeg" },
	{ "jpeg", "image/jpeg" },
	{ "jpg", "image/jpeg" },
	{ "js", "text/javascript" },
	{ "json", "application/json" },
	{ "jsonl", "application/x-ndjson" },
	{ "jxl", "image/jxl" },
	{ "key", "application/octet-stream" },
	{ "kml", "application/vnd.google-earth.kml+xml" },
	{ "kmz", "application/vnd.google-earth.kmz" },
	{ "las", "application/vnd.las" },
	{ "laz", "application/vnd.laszip" },
	{ "lha", "application/x-lha" },
	{ "log", "text/plain" },
	{ "lrc", "text/x-lrc" },
	{ "lz", "application/x-lzip" },
	{ "lz4", "application/x-lz4" },
	{ "lzh", "application/x-lha" },
	{ "lzma", "application/x-lzma" },
	{ "m1v", "video/mpeg" },
	{ "m2t", "video/mp2t" },
	{ "m2ts", "video/mp2t" },
	{ "m2v", "video/mpeg" },
	{ "m3u", "audio/mpegurl" },
	{ "m3u8", "application/vnd.apple.mpegurl" },
	{ "m4a", "audio/mp4" },
	{ "m4b", "audio/mp4" },
	{ "m4s", "video/iso.segment" },
	{ "m4v", "video/mp4" },
	{ "markdown", "text/markdown" },
	{ "mbox", "application/mbox" },
	{ "mbtiles", "application/vnd.sqlite3" },
	{ "md", "text/markdown" },
	{ "md5", "text/x-checksum" },
	{ "mdf", "application/x-mds" },
	{ "meta4", "application/metalink4+xml" },
	{ "metalink", "application/metalink4+xml" },
	{ "mid", "audio/midi" },
	{ "midi", "audio/midi" },
	{ "mjpeg", "video/x-mjpeg" },
	{ "mjpg", "video/x-mjpeg" },
	{ "mjs", "text/javascript" },
	{ "mk3d", "video/x-matroska" },
	{ "mka", "audio/x-matroska" },
	{ "mkv", "video/x-matroska" },
	{ "mobi", "application/x-mobipocket-ebook" },
	{ "mov", "video/quicktime" },
	{ "mp2", "audio/mpeg" },
	{ "mp3", "audio/mpeg" },
	{ "mp4", "video/mp4" },
	{ "mpc", "audio/x-musepack" },
	{ "mpd", "application/dash+xml" },
	{ "mpe", "video/mpeg" },
	{ "mpeg", "video/mpeg" },
	{ "mpg", "video/mpeg" },
	{ "mpga", "audio/mpeg" },
	{ "mpl", "text/x-mpsub" },
	{ "msi", "application/x-msi" },
	{ "mts", "video/mp2t" },
	{ "mxf", "application/mxf" },
	{ "nc", "application/netcdf" },
	{ "ndjson", "application/x-ndjson" },
	{ "nef", "image/x-nikon-nef" },
	{ "nfo", "text/plain" },
	{ "npy", "application/x-npy" },
	{ "npz", "application/x-npz" },
	{ "nrg", "application/x-nrg" },
	{ "nzb", "application/x-nzb" },
	{ "obu", "video/av1" },
	{ "odg", "application/vnd.oasis.opendocument.graphics" },
	{ "odp", "application/vnd.oasis.opendocument.presentation" },
	{ "ods", "application/vnd.oasis.opendocument.spreadsheet" },
	{ "odt", "application/vnd.oasis.opendocument.text" },
	{ "oga", "audio/ogg" },
	{ "ogg", "audio/ogg" },
	{ "ogv", "video/ogg" },
	{ "ogx", "application/ogg" },
	{ "onnx", "application/onnx" },
	{ "opml", "text/x-opml" },
	{ "opus", "audio/ogg" },
	{ "otf", "font/otf" },
	{ "ova", "application/x-virtualbox-ova" },
	{ "pak", "application/octet-stream" },
	{ "par2", "application/x-par2" },
	{ "parquet", "application/vnd.apache.parquet" },
	{ "patch", "text/x-diff" },
	{ "pdf", "application/pdf" },
	{ "pem", "application/x-pem-file" },
	{ "pgm", "image/x-portable-graymap" },
	{ "pkg", "application/octet-stream" },
	{ "pls", "audio/x-scpls" },
	{ "pmtiles", "application/vnd.pmtiles" },
	{ "png", "image/png" },
	{ "ppm", "image/x-portable-pixmap" },
	{ "ppt", "application/vnd.ms-powerpoint" },
	{ "pptx",
	  "application/vnd.openxmlformats-officedocument.presentationml.presentation" },
	{ "ps", "application/postscript" },
	{ "psd", "image/vnd.adobe.photoshop" },
	{ "qcow", "application/x-qemu-disk" },
	{ "qcow2", "application/x-qemu-disk" },
	{ "qt", "video/quicktime" },
	{ "ra", "audio/vnd.rn-realaudio" },
	{ "rar", "application/vnd.rar" },
	{ "rm", "application/vnd.rn-realmedia" },
	{ "rmvb", "application/vnd.rn-realmedia" },
	{ "rom", "application/octet-stream" },
	{ "rpm", "application/x-rpm" },
	{ "rss", "application/rss+xml" },
	{ "rst", "text/x-rst" },
	{ "rtf", "application/rtf" },
	{ "safetensors", "application/x-safetensors" },
	{ "sfv", "text/x-checksum" },
	{ "sh", "application/x-sh" },
	{ "sha1", "text/x-checksum" },
	{ "sha256", "text/x-checksum" },
	{ "sha512", "text/x-checksum" },
	{ "shtml", "text/html" },
	{ "sig", "application/pgp-signature" },
	{ "smi", "application/smil+xml" },
	{ "snap", "application/vnd.snap" },
	{ "snd", "audio/basic" },
	{ "spx", "audio/ogg" },
	{ "sql", "application/sql" },
	{ "sqlite", "application/vnd.sqlite3" },
	{ "sqlite3", "application/vnd.sqlite3" },
	{ "sqsh", "application/vnd.squashfs" },
	{ "squashfs", "application/vnd.squashfs" },
	{ "srt", "application/x-subrip" },
	{ "ssa", "text/x-ssa" },
	{ "stl", "model/stl" },
	{ "sub", "text/x-microdvd" },
	{ "sup", "application/x-pgs" },
	{ "svg", "image/svg+xml" },
	{ "svgz", "image/svg+xml" },
	{ "swf", "application/x-shockwave-flash" },
	{ "tar", "application/x-tar" },
	{ "tbz2", "application/x-bzip2" },
	{ "tex", "application/x-tex" },
	{ "tga", "image/x-tga" },
	{ "tgz", "application/gzip" },
	{ "thd", "audio/x-truehd" },
	{ "tif", "image/tiff" },
	{ "tiff", "image/tiff" },
	{ "toml", "application/toml" },
	{ "torrent", "application/x-bittorrent" },
	{ "ts", "video/mp2t" },
	{ "tsv", "text/tab-separated-values" },
	{ "tta", "audio/x-tta" },
	{ "ttf", "font/ttf" },
	{ "ttml", "application/ttml+xml" },
	{ "txt", "text/plain" },
	{ "txz", "application/x-xz" },
	{ "vcf", "text/vcard" },
	{ "vdi", "application/x-virtualbox-vdi" },
	{ "vhd", "application/x-vhd" },
	{ "vhdx", "application/x-vhd" },
	{ "vmdk", "application/x-virtualbox-vmdk" },
	{ "vob", "video/mpeg" },
	{ "vtt", "text/vtt" },
	{ "wad", "application/octet-stream" },
	{ "warc", "application/x-warc" },
	{ "wasm", "application/wasm" },
	{ "wav", "audio/wav" },
	{ "wax", "audio/x-ms-wax" },
	{ "weba", "audio/webm" },
	{ "webm", "video/webm" },
	{ "webmanifest", "application/manifest+json" },
	{ "webp", "image/webp" },
	{ "wim", "application/x-wim" },
	{ "wma", "audio/x-ms-wma" },
	{ "wmv", "video/x-ms-wmv" },
	{ "wmx", "video/x-ms-wmx" },
	{ "woff", "font/woff" },
	{ "woff2", "font/woff2" },
	{ "wpl", "application/vnd.ms-wpl" },
	{ "wv", "audio/x-wavpack" },
	{ "wvx", "video/x-ms-asx" },
	{ "xcf", "image/x-xcf" },
	{ "xht", "application/xhtml+xml" },
	{ "xhtml", "application/xhtml+xml" },
	{ "xls", "application/vnd.ms-excel" },
	{ "xlsx",
	  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
	{ "xml", "text/xml" },
	{ "xpi", "application/x-xpinstall" },
	{ "xsd", "text/xml" },
	{ "xsl", "text/xml" },
	{ "xspf", "application/xspf+xml" },
	{ "xz", "application/x-xz" },
	{ "y4m", "video/y4m" },
	{ "yaml", "application/yaml" },
	{ "yml", "application/yaml" },
	{ "zip", "application/zip" },
	{ "zst", "application/zstd" },
	{ "zsync", "application/zsync" },
};

static int compare(const void *key, const void *element)
{
	return strcasecmp(key, ((const struct media *)element)->extension);
}

/* The last component of a name or a URL, up to a '?'; NULL when that is the
 * host. */
static const char *last_component(const char *name, size_t *len)
{
	size_t whole = strcspn(name, "?"), scheme = strcspn(name, ":/");
	const char *last = name;

	if ((scheme == 4 && !strncasecmp(name, "http", 4)) ||
	    (scheme == 5 && !strncasecmp(name, "https", 5))) {
		last += scheme + (name[scheme] == ':');
		last += strspn(last, "/");
		last += strcspn(last, "/?");
		if (*last != '/')
			return NULL;
	}
	for (const char *s = last; s < name + whole; s++)
		if (*s == '/')
			last = s + 1;
	*len = name + whole - last;
	return last;
}

const char *url_media_type(const char *name)
{
	char extension[16];
	size_t len;
	const char *last = last_component(name, &len), *dot;
	const struct media *found;

	if (!last)
		return NULL;
	dot = memrchr(last, '.', len);
	if (!dot || dot == last)
		return NULL;
	len -= dot + 1 - last;
	if (len >= sizeof(extension))
		return NULL;
	memcpy(extension, dot + 1, len);
	extension[len] = '\0';
	found = bsearch(extension, table, sizeof(table) / sizeof(table[0]),
			sizeof(table[0]), compare);
	return found ? found->type : NULL;
}

bool url_name_is_file(const char *name)
{
	return url_media_type(name) != NULL;
}

enum playlist_kind url_playlist_kind(const char *type)
{
	static const struct {
		const char *type;
		enum playlist_kind kind;
	} types[] = {
		{ "application/vnd.apple.mpegurl", PLAYLIST_M3U },
		{ "application/x-mpegurl", PLAYLIST_M3U },
		{ "application/mpegurl", PLAYLIST_M3U },
		{ "audio/mpegurl", PLAYLIST_M3U },
		{ "audio/x-mpegurl", PLAYLIST_M3U },
		{ "video/mpegurl", PLAYLIST_M3U },
		{ "video/x-mpegurl", PLAYLIST_M3U },
		{ "application/dash+xml", PLAYLIST_DASH },
		{ "audio/x-scpls", PLAYLIST_PLS },
		{ "audio/scpls", PLAYLIST_PLS },
		{ "application/pls", PLAYLIST_PLS },
		{ "application/pls+xml", PLAYLIST_PLS },
		{ "application/xspf+xml", PLAYLIST_XSPF },
		{ "video/x-ms-asx", PLAYLIST_ASX },
		{ "video/x-ms-wvx", PLAYLIST_ASX },
		{ "video/x-ms-wmx", PLAYLIST_ASX },
		{ "audio/x-ms-wax", PLAYLIST_ASX },
	};
	size_t len = strcspn(type, "; \t");

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strlen(types[i].type) == len &&
		    !strncasecmp(types[i].type, type, len))
			return types[i].kind;
	return PLAYLIST_NONE;
}

static bool is_playlist_type(const char *type)
{
	return type && url_playlist_kind(type) != PLAYLIST_NONE;
}

bool url_is_playlist(const char *name, const char *type)
{
	return is_playlist_type(url_media_type(name)) || is_playlist_type(type);
}
