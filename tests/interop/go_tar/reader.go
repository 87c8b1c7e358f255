// Reads tars as Docker does, with Go's archive/tar, and says what it sees.
//
// Standard input is a sequence of tars, each behind its length (8 bytes, big-endian). Standard
// output has a line of JSON for each.
package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"strings"
)

type entry struct {
	Name, Link, Content    string // in hexadecimal: any bytes
	Kind                   string
	Mode, Uid, Gid         int64
	Seconds                int64
	Nanoseconds            int
	Size                   int64
	Major, Minor           int64
	Xattrs                 map[string]string
}

type seen struct {
	Entries []entry
	Error   string
}

func read(data []byte) (found seen) {
	found.Entries = []entry{}
	reader := tar.NewReader(bytes.NewReader(data))
	for {
		header, err := reader.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			found.Error = err.Error()
			return
		}
		if header.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		sum := sha256.New()
		size, err := io.Copy(sum, reader)
		if err != nil {
			found.Error = err.Error()
			return
		}
		xattrs := map[string]string{}
		for key, value := range header.PAXRecords {
			if name := strings.TrimPrefix(key, "SCHILY.xattr."); name != key {
				xattrs[hex.EncodeToString([]byte(name))] = hex.EncodeToString([]byte(value))
			}
		}
		found.Entries = append(found.Entries, entry{
			Name: hex.EncodeToString([]byte(header.Name)),
			Link: hex.EncodeToString([]byte(header.Linkname)),
			Content: hex.EncodeToString(sum.Sum(nil)),
			Kind: string(rune(header.Typeflag)),
			Mode: header.Mode & 07777, Uid: int64(header.Uid), Gid: int64(header.Gid),
			Seconds: header.ModTime.Unix(), Nanoseconds: header.ModTime.Nanosecond(),
			Size: size, Major: header.Devmajor, Minor: header.Devminor, Xattrs: xattrs,
		})
	}
}

func main() {
	input, output := bufio.NewReaderSize(os.Stdin, 1<<20), bufio.NewWriter(os.Stdout)
	defer output.Flush()
	encoder := json.NewEncoder(output)
	for {
		var length uint64
		if err := binary.Read(input, binary.BigEndian, &length); err == io.EOF {
			return
		} else if err != nil {
			panic(err)
		}
		data := make([]byte, length)
		if _, err := io.ReadFull(input, data); err != nil {
			panic(err)
		}
		if err := encoder.Encode(read(data)); err != nil {
			panic(err)
		}
	}
}
