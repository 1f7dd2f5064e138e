;;; abio for Guile: opens the library by its one symbol and makes a procedure of every pointer in
;;; the root table.  (abio 'read io memory length flags token) calls it; memory is a bytevector.
;;; Structs are bytevectors too, laid out by abio.json.  Which loop a program has is not known here.

(define-module (abio)
  #:use-module (ice-9 exceptions)
  #:use-module (ice-9 match)
  #:use-module (json)
  #:use-module (rnrs bytevectors)
  #:use-module (srfi srfi-1)
  #:use-module (system foreign)
  #:use-module (system foreign-library)
  #:export (load-abio abio constant check read-json ref
            make-struct field-ref field-set! word
            abio-error? abio-error-code))

(define-exception-type &abio-error &error make-abio-error abio-error? (code abio-error-code))

(define functions (make-hash-table))
(define constants (make-hash-table))
(define structs (make-hash-table))

(define (ref object . path)
  "What stands in OBJECT, as json->scm gives it, under the keys of PATH; #f when it is not there."
  (fold (lambda (key object) (and object (assoc-ref object key))) object path))

(define (read-json path)
  (call-with-input-file path json->scm #:encoding "UTF-8"))

(define foreign-type
  (match-lambda
    ("u64" uint64) ("i64" int64) ("u32" uint32) ("i32" int32) ("ptr" '*)))

(define (fail . parts)
  (error (apply string-append parts)))

(define (load-abio path generated)
  "Opens the library, refuses one that is older than the description, and gives its version."
  (let* ((json (read-json (string-append generated "/abio.json")))
         (about (ref json "description"))
         (wanted (ref about "abi"))
         (described (ref (read-json (string-append generated "/conformance.json")) "functions"))
         (api (foreign-library-function (load-foreign-library path) "abio_api"
                                        #:return-type '* #:arg-types (list uint32)))
         (table (api (ref wanted "major"))))
    (when (null-pointer? table)
      (fail path " does not speak this major version of abio"))
    (vector-for-each*
     (lambda (group)
       (vector-for-each*
        (lambda (value)
          (hashq-set! constants
                      (string->symbol (string-append (ref group "prefix") (ref value "name")))
                      (ref value "number")))
        (ref group "values")))
     (ref about "constants"))
    (vector-for-each* remember-struct (ref about "structs"))
    (let* ((head (pointer->bytevector table 16))
           (size (word head 0))
           (major (bytevector-u16-native-ref head 4))
           (minor (bytevector-u16-native-ref head 6))
           (most (reduce max 0 (map (lambda (f) (ref (cdr f) "offset")) described))))
      (unless (and (= major (ref wanted "major")) (>= minor (ref wanted "minor"))
                   (>= size (+ most 8)) (zero? (word head 8)))
        (fail path " is older than abio " (ref wanted "version") ", which this program needs"))
      (for-each
       (match-lambda
         ((name . function)
          (let ((types (map foreign-type (vector->list (ref function "types"))))
                (result (foreign-type (ref function "result")))
                (slots (pointer->bytevector table size)))
            (hashq-set! functions (string->symbol (substring name (string-length "abio_")))
                        (match (ref function "offset")
                          (0 api)
                          (offset (pointer->procedure
                                   result
                                   (make-pointer (bytevector-u64-native-ref slots offset))
                                   types)))))))
       described)
      (let ((abi (make-struct 'abi)))
        (check 'abi_info (abio 'abi_info abi))
        (unless (or (> minor (ref wanted "minor"))
                    (string=? (hex (field-ref 'abi abi 'hash)) (ref json "sha256")))
          (fail path " was built from another description than abio " (ref wanted "version")))
        (string-join (map (lambda (field) (number->string (field-ref 'abi abi field)))
                          '(major minor patch))
                     ".")))))

(define (abio name . arguments)
  "Calls the function of the root table; a bytevector is the pointer to its bytes, #f is NULL."
  (apply (or (hashq-ref functions name) (fail "no function abio_" (symbol->string name)))
         (map (match-lambda
                ((? bytevector? memory) (bytevector->pointer memory))
                (#f %null-pointer)
                (other other))
              arguments)))

(define (constant name)
  (or (hashq-ref constants name) (fail "no constant " (symbol->string name))))

(define (check what answer)
  "ANSWER, or an exception when it is an error."
  (when (negative? answer)
    (raise-exception
     (make-exception
      (make-abio-error answer)
      (make-exception-with-message
       (format #f "~a: ~a: ~a" what (pointer->string (abio 'error_name answer))
               (pointer->string (abio 'error_text answer)))))))
  answer)

;;; Structs.

(define (word memory offset)
  (bytevector-u32-native-ref memory offset))

(define (remember-struct struct)
  (hashq-set! structs (string->symbol (ref struct "name"))
              (cons (ref struct "size")
                    (map (lambda (field)
                           (cons (string->symbol (ref field "name"))
                                 (map (lambda (key) (ref field key)) '("offset" "size" "type"))))
                         (vector->list (ref struct "fields"))))))

(define (field struct name)
  "Offset, size and type."
  (or (assq-ref (cdr (hashq-ref structs struct)) name)
      (fail "no such field: " (symbol->string name))))

(define (make-struct name . values)
  "A struct with its size set, where it has one, and these values: (make-struct 'address 'port 80)."
  (let* ((size (car (hashq-ref structs name)))
         (memory (make-bytevector size 0)))
    (when (assq 'size (cdr (hashq-ref structs name)))
      (field-set! name memory 'size size))
    (let loop ((values values))
      (match values
        (() memory)
        ((field value . more)
         (field-set! name memory field value)
         (loop more))))))

(define (field-set! struct memory name value)
  (match (field struct name)
    ((offset size _)
     (if (bytevector? value)
         (bytevector-copy! value 0 memory offset (bytevector-length value))
         (bytevector-uint-set! memory offset value (native-endianness) size)))))

(define (field-ref struct memory name . path)
  "A field: a number, or its bytes.  More names go into a struct inside: 'local 'port."
  (match (field struct name)
    ((offset size type)
     (cond ((pair? path)
            (apply field-ref (string->symbol (substring type (string-length "struct ")))
                   (slice memory offset size) path))
           ((member type '("i32" "i64"))
            (bytevector-sint-ref memory offset (native-endianness) size))
           ((<= size 8) (bytevector-uint-ref memory offset (native-endianness) size))
           (else (slice memory offset size))))))

(define (slice memory offset size)
  (let ((copy (make-bytevector size)))
    (bytevector-copy! memory offset copy 0 size)
    copy))

(define (hex bytes)
  (string-join (map (lambda (byte) (string-pad (number->string byte 16) 2 #\0))
                    (bytevector->u8-list bytes))
               ""))

(define (vector-for-each* procedure vector)
  (for-each procedure (vector->list vector)))
