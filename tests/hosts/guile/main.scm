;;; abio in Guile: files and sockets in a loop over select(2), by tasks that are continuations.
;;;
;;;   main.scm LIBRARY GENERATED_DIR

(use-modules (abio)
             (abio driver)
             (abio loop)
             (abio manifest)
             (check)
             (ice-9 match)
             (proof)
             (rnrs bytevectors)
             (srfi srfi-1))

(define lines 10000)
(define clients 8)
(define to-the-end (1- (expt 2 64)))

(define text
  (string-join (map (lambda (n) (format #f "this is line ~a\n" n)) (iota lines 1)) ""))

(define (open-file driver path . options)
  (let ((path (string->utf8 path)))
    (event-handle
     (await (start driver 'open (driver-id driver) path (bytevector-length path)
                   (apply make-struct 'open_options options))))))

(define (bits . names)
  (apply logior (map constant names)))

(define (files driver)
  (let* ((file (open-file driver "lines.txt"
                          'flags (bits 'ABIO_OPEN_CREATE 'ABIO_OPEN_TRUNCATE)
                          'access (bits 'ABIO_ACCESS_READ 'ABIO_ACCESS_WRITE)))
         (bytes (string->utf8 text))
         (size (bytevector-length bytes))
         (event (await (start driver 'write_at_all file bytes size 0 0))))
    (check-equal "bytes written" size (event-result event))
    (let ((piece (make-bytevector 1000)))
      (await (start driver 'read_at_exact file piece 1000 5000 0))
      (check-equal "read by offset" (substring text 5000 6000) (utf8->string piece)))
    (let* ((reader (make-handle 'buf_reader file 0 0))
           (read (reverse (fold-lines cons '() driver reader))))
      (check-equal "lines read" lines (length read))
      (check-equal "text by lines" #t (string=? text (string-join read "")))
      (release reader file))))

(define (serve driver connection)
  "Serves one connection: \"GET name\" is answered with the file of that name."
  (let* ((reader (make-handle 'buf_reader connection 0 0))
         (request (fold-lines (lambda (line _) line) #f driver reader 1))
         (name (match (string-split (string-trim-right request) #\space) (("GET" name) name)))
         (file (open-file driver name)))
    (await (start driver 'copy file connection to-the-end 0))
    (await (start driver 'shutdown connection 0))
    (release file reader connection)))

(define (fetch driver address name)
  "What the server sends, as a list of pieces put together."
  (let ((connection (event-handle (await (start driver 'connect (driver-id driver) address #f))))
        (memory (make-bytevector 16384)))
    (write-all driver connection (string-append "GET " name "\n"))
    (let loop ((pieces '()))
      (match (event-result (await (start driver 'read connection memory 16384 0)))
        (0
         (release connection)
         (string-join (reverse pieces) ""))
        (got
         (let ((piece (make-bytevector got)))
           (bytevector-copy! memory 0 piece 0 got)
           (loop (cons (utf8->string piece) pieces))))))))

(define (sockets driver)
  (let* ((address (make-struct 'address 'family (constant 'ABIO_FAMILY_IPV4) 'length 4
                               'data #vu8(127 0 0 1)))
         (listener (make-handle 'listen (driver-id driver) address #f))
         (info (make-struct 'io_info)))
    (check 'info (abio 'info listener info))
    (field-set! 'address address 'port (field-ref 'io_info info 'local 'port))
    (let* ((fetching (map (lambda (_) (spawn (lambda () (fetch driver address "lines.txt"))))
                          (iota clients)))
           (serving (map (lambda (_)
                           (let ((event (await (start driver 'accept listener 0))))
                             (spawn (lambda () (serve driver (event-handle event))))))
                         (iota clients))))
      (for-each await serving)
      (check-equal "clients that got the file" clients
                   (count (lambda (got) (string=? text got)) (map await fetching))))
    (release listener)))

(define (main path generated)
  (setvbuf (current-output-port) 'line)
  (unless (part "loads" (lambda () (string-append "yes, libabio " (load-abio path generated))))
    (summary))
  (part "manifest" (lambda () (run-manifest (string-append generated "/conformance.json"))))
  (let ((driver (make-driver)))
    (part "files" (lambda () (run (lambda () (files driver)))))
    (part "sockets" (lambda () (run (lambda () (sockets driver)))))
    (part "own loop" (lambda () (run (lambda () (own-loop driver files)))))
    (part "cancel" (lambda () (run (lambda () (cancelled-reads driver)))))
    (check-equal "operations in flight at the end" 0 (in-flight driver))
    (run (lambda () (await (close-driver driver)))))
  (summary))

(match (command-line)
  ((_ path generated) (main path generated)))
